package order

// Bounds that the documentation tells.
const (
	MaxTestOrders  = playMost       // of an account in a day
	MaxListedLinks = maxListed      // among the lines of a list
	MaxListedBytes = maxListedBytes // that those links take together
	MaxLine        = maxText        // of a field that is one line, in characters
	FactsOf        = sample         // ended orders that a service is measured by, at most
	UndeliveredFor = undeliveredFor // an equal request gets the answer that did not arrive
)
