package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/secret"
)

// Bounds of headers: how many, and bytes of a value.
const (
	maxHeaders     = 16
	maxHeaderValue = 4 << 10
)

// ownHeaders can't be set: they say what the request is, or that it may be
// repeated.
//
//nolint:gochecknoglobals // a table
var ownHeaders = []string{
	"Host", "Content-Type", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Upgrade",
	"Expect", "Accept-Encoding", "Idempotency-Key", "X-Idempotency-Key", "User-Agent",
}

// headerName is what a header may be called.
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")

// Header is a header that a provider wants with each request. Its value is a
// secret as the key is.
type Header struct{ Name, Value string }

// ParseHeader reads "Name: value". The value is in no error.
func ParseHeader(line string) (Header, error) {
	name, value, ok := strings.Cut(line, ":")
	h := Header{Name: http.CanonicalHeaderKey(strings.TrimSpace(name)), Value: strings.TrimSpace(value)}
	if !ok {
		return h, fault.New(fault.Invalid, "a header must be written as Name: value")
	}
	return h, h.validate()
}

func (h Header) validate() error {
	switch {
	case !headerName.MatchString(h.Name):
		return fault.New(fault.Invalid, "a header's name must have 1 to 64 letters, digits and hyphens")
	case h.Name == "User-Agent":
		return fault.New(fault.Invalid, "the User-Agent is set by the profile's user_agent")
	case slices.Contains(ownHeaders, http.CanonicalHeaderKey(h.Name)):
		return fault.Newf(fault.Invalid, "the header %s can't be set", h.Name)
	case h.Value == "" || len(h.Value) > maxHeaderValue || strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' || r > '~' }):
		return fault.Newf(fault.Invalid, "the value of header %s must be 1 to 4096 printable ASCII characters", h.Name)
	}
	return nil
}

// sealHeaders writes headers as they are stored: "" for none.
func sealHeaders(ring *secret.Ring, providerID string, headers []Header) (string, error) {
	byName := map[string]string{}
	for _, h := range headers {
		if err := h.validate(); err != nil {
			return "", err
		}
		byName[http.CanonicalHeaderKey(h.Name)] = h.Value
	}
	switch {
	case len(byName) == 0:
		return "", nil
	case len(byName) > maxHeaders:
		return "", fault.Newf(fault.Invalid, "a provider has at most %d headers", maxHeaders)
	}
	text, err := json.Marshal(byName)
	if err != nil {
		return "", fmt.Errorf("write the headers: %w", err)
	}
	return ring.Seal(text, "providers", "headers", providerID), nil
}

// openHeaders reads stored headers, in the order of their names.
func openHeaders(ring *secret.Ring, p Provider) ([]Header, error) {
	if p.headersSealed == "" {
		return nil, nil
	}
	text, err := ring.Open(p.headersSealed, "providers", "headers", p.ID)
	if err != nil {
		return nil, fmt.Errorf("open the headers of provider %s: %w", p.Name, err)
	}
	byName := map[string]string{}
	if err := json.Unmarshal(text, &byName); err != nil {
		return nil, fmt.Errorf("the headers of provider %s can't be read", p.Name)
	}
	var all []Header
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, Header{Name: name, Value: byName[name]})
	}
	return all, nil
}
