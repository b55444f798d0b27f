package outbound

import (
	"errors"
	"net/http"
	"time"
)

const (
	// DeliveryTimeout bounds one delivery, from the look-up of the name to the
	// last byte of the answer that is read.
	DeliveryTimeout = 10 * time.Second
	// DeliveryAnswer is how much of the answer to a delivery is read, in bytes.
	DeliveryAnswer = 4 << 10
	// idleDeliveries is how many unused connections are kept for all receivers
	// together: there may be tens of thousands of them.
	idleDeliveries = 64
	// idlePerReceiver is how many of them may be one receiver's.
	idlePerReceiver = 2
)

// ErrSwitched answers a server that wants to speak another protocol than HTTP.
var ErrSwitched = errors.New("the server switched to another protocol")

// DeliveryClient returns a client for deliveries to addresses that customers
// name. Make one and share it: it keeps a few connections for all receivers. It
// follows no redirect, keeps no cookies and asks for no compression, nor does it
// unpack any. Read the answer with ReadBody and DeliveryAnswer, and close it.
//
// A POST is sent again, on another connection, only where the receiver had closed
// an idle one before a byte left. With a header Idempotency-Key net/http would
// repeat it where one broke later, too.
func (g *Guard) DeliveryClient() *http.Client { return g.deliveryClient(DeliveryTimeout) }

func (g *Guard) deliveryClient(timeout time.Duration) *http.Client {
	t := g.Transport()
	t.DisableCompression = true
	t.MaxIdleConns = idleDeliveries
	t.MaxIdleConnsPerHost = idlePerReceiver
	return &http.Client{Transport: &unswitched{t}, CheckRedirect: noRedirect, Timeout: timeout}
}

// unswitched refuses 101. For net/http the connection is the caller's from there
// on, who asked for no such thing, and no time-out ends it.
type unswitched struct{ base *http.Transport }

// RoundTrip sends the request and returns its answer, unless that is 101.
func (u *unswitched) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := u.base.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusSwitchingProtocols {
		_ = response.Body.Close()
		return nil, ErrSwitched
	}
	return response, err //nolint:wrapcheck // http.Client looks at the error
}

// CloseIdleConnections is what the client's method of that name calls.
func (u *unswitched) CloseIdleConnections() { u.base.CloseIdleConnections() }
