// Package client is the Go SDK of notpanel: every action of the panel's API v2, and
// the verification of its webhooks. It needs the standard library alone.
//
//	panel, err := client.New(os.Getenv("NOTPANEL_KEY"), "https://panel.example")
//	…
//	placed, err := panel.Add(ctx, client.OrderRequest{Service: 1, Link: "https://example.com/landing", Quantity: 1000})
//
// # Repeats
//
// A call that fails for a while is repeated by itself, with growing pauses (see
// [WithRetries]). All that reads is repeated after 429, 500, 502, 503, 504, a
// time-out and trouble of the network; so is [Client.Add], for every attempt carries
// the same request id and the panel charges it once. Refill, Cancel and what changes
// webhooks may have been done when an answer was lost: they are repeated after 429,
// which says that nothing was done, and where no connection could be made.
//
// # Errors
//
// Use [errors.Is] with [ErrInsufficientBalance], [ErrNotFound] and the like, and
// [errors.As] with [*APIError] for the panel's words, [*RateLimitError] for what is
// left of a limit, [*ConnectionError] for trouble on the way and [*UncertainError]
// for an order of which nobody knows whether it was placed.
//
// # Values
//
// Amounts are the decimal text that the panel sent, never a float. What the panel
// does not know yet, null in its answers, is a nil pointer; where a text is absent it
// is "". Words and fields that a newer panel adds do no harm.
package client
