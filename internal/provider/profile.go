package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
)

// Kind says how orders reach a provider.
type Kind string

// The kinds. It is fixed when a provider is added: what an earlier call's outcome
// means depends on it.
const (
	Classic Kind = "classic" // the v2 API as most panels speak it
	Native  Kind = "native"  // the dialect of a panel like this one
	Manual  Kind = "manual"  // people: nothing is ever called
)

// The encodings of a request.
const (
	EncodeForm      = "form"
	EncodeJSON      = "json"
	EncodeMultipart = "multipart"
	EncodeQuery     = "query" // everything in the URL, an empty body
)

// The ways in which packages are priced.
const (
	PriceFlat    = "flat"     // the rate is the price of one package
	PricePer1000 = "per_1000" // the rate is for 1,000, the package has min of them
)

// By which parameter an order is named to cancel and refill.
const (
	byOrders = "orders"
	byOrder  = "order"
)

// oneByOne is the batch action of a provider that has none.
const oneByOne = "none"

// Profile is in what a provider's API differs from the classic v2 API. The zero
// Profile differs in nothing.
type Profile struct {
	// Method of the calls that only look: POST, which is the default, or GET.
	Method string `json:"method,omitempty"`
	// AddGet lets add, refill and cancel go by GET too. Proxies and libraries on the
	// way may repeat a GET, so it is for providers that take nothing else.
	AddGet bool `json:"add_get,omitempty"`
	// Encoding of a POST: form, which is the default, json, multipart or query.
	Encoding string `json:"encoding,omitempty"`
	// Names are the provider's names of parameters, by ours.
	Names map[string]string `json:"names,omitempty"`
	// BatchStatus is the action that asks about many orders, "status" by default;
	// "none" asks about each alone.
	BatchStatus string `json:"batch_status,omitempty"`
	// BatchParameter is the parameter with their ids, "orders" by default.
	BatchParameter string `json:"batch_parameter,omitempty"`
	// CancelBy names orders by the parameter orders or order; by default orders,
	// and order where that is refused as an incorrect request.
	CancelBy string `json:"cancel_by,omitempty"`
	// RefillBy names the order by the parameter order, which is the default, or orders.
	RefillBy string `json:"refill_by,omitempty"`
	// UserAgent is sent in place of ours.
	UserAgent string `json:"user_agent,omitempty"`
	// PackagePrice says what a package's rate is: flat, per_1000, or "" where nobody
	// has said yet.
	PackagePrice string `json:"package_price,omitempty"`
}

// profileFields are the names of a profile's fields.
//
//nolint:gochecknoglobals // a table
var profileFields = []string{
	"method", "add_get", "encoding", "names", "batch_status", "batch_parameter", "cancel_by", "refill_by", "user_agent", "package_price",
}

// ParseProfile reads a profile of JSON. A field that it does not know, or twice,
// is refused by its name: it would be a setting without effect.
func ParseProfile(text string) (p Profile, err error) {
	const most = 16 << 10
	if len(text) > most {
		return p, fault.New(fault.Invalid, "profile must have at most 16 KiB")
	}
	fields, err := readObject([]byte(text))
	if err != nil {
		return p, fault.Newf(fault.Invalid, "profile must be one JSON object: %s", err)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(profileFields, name) {
			return p, fault.Newf(fault.Invalid, "profile has no field %q; it has %s", cutName(name), strings.Join(profileFields, ", "))
		}
	}
	if names, ok := fields["names"]; ok && string(names) != "null" {
		if _, err := readObject(names); err != nil {
			return p, fault.Newf(fault.Invalid, "profile.names must be one JSON object: %s", err)
		}
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return Profile{}, fault.Newf(fault.Invalid, "profile can't be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if err := p.validate(); err != nil {
		return Profile{}, err
	}
	return p, nil
}

// text is the profile as it is stored.
func (p Profile) text() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("write the profile: %w", err)
	}
	return string(text), nil
}

// parameterName is what a parameter may be called.
var parameterName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.\[\]-]{0,63}$`)

func (p Profile) validate() error {
	for _, f := range []struct {
		name, value string
		known       []string
	}{
		{"method", p.Method, []string{"", http.MethodPost, http.MethodGet}},
		{"encoding", p.Encoding, []string{"", EncodeForm, EncodeJSON, EncodeMultipart, EncodeQuery}},
		{"cancel_by", p.CancelBy, []string{"", byOrders, byOrder}},
		{"refill_by", p.RefillBy, []string{"", byOrder, byOrders}},
		{"package_price", p.PackagePrice, []string{"", PriceFlat, PricePer1000}},
	} {
		if !slices.Contains(f.known, f.value) {
			return fault.Newf(fault.Invalid, "profile.%s must be one of %s", f.name, strings.Join(f.known[1:], ", "))
		}
	}
	for name, value := range map[string]string{"batch_status": p.BatchStatus, "batch_parameter": p.BatchParameter} {
		if value != "" && !parameterName.MatchString(value) {
			return fault.Newf(fault.Invalid, "profile.%s must be a name such as orders", name)
		}
	}
	const longestAgent = 256
	if len(p.UserAgent) > longestAgent || strings.ContainsFunc(p.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fault.New(fault.Invalid, "profile.user_agent must be at most 256 printable ASCII characters")
	}
	return p.validateNames()
}

// validateNames refuses names that don't exist and two parameters under one name:
// an order's quantity sent as its link would be an order for something else.
func (p Profile) validateNames() error {
	known := canonicalNames()
	theirs := map[string]string{}
	for _, ours := range slices.Sorted(maps.Keys(p.Names)) {
		if !slices.Contains(known, ours) {
			return fault.Newf(fault.Invalid, "profile.names: there is no parameter %q", cutName(ours))
		}
		if !parameterName.MatchString(p.Names[ours]) {
			return fault.Newf(fault.Invalid, "profile.names.%s must be a name of 1 to 64 letters, digits and underscores", ours)
		}
	}
	for _, ours := range known {
		name := p.name(ours)
		// One order or many, one refill or many: never both in one request.
		other, taken := theirs[name]
		if taken && strings.TrimSuffix(other, "s") != strings.TrimSuffix(ours, "s") {
			return fault.Newf(fault.Invalid, "profile.names: %s and %s can't both be sent as %s", other, ours, name)
		}
		theirs[name] = ours
	}
	if ours, taken := theirs[p.BatchParameter]; taken && (ours == "key" || ours == "action") {
		return fault.Newf(fault.Invalid, "profile.batch_parameter: %s is the name of the %s", p.BatchParameter, ours)
	}
	return nil
}

// name is the provider's name of a parameter.
func (p Profile) name(ours string) string {
	if theirs := p.Names[ours]; theirs != "" {
		return theirs
	}
	return ours
}

// canonicalNames are all parameters that are ever sent.
func canonicalNames() []string {
	names := []string{
		"key", "action", "service", "link", "quantity", "runs", "interval", "order", "orders", "refill", "refills", "page", "request_id",
	}
	for _, schema := range catalog.Schemas() {
		for _, f := range schema.Fields {
			if !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
		}
	}
	return names
}

// validateFor refuses a profile that a provider of the kind has no use for.
func (p Profile) validateFor(k Kind) error {
	switch k {
	case Classic:
		return nil
	case Native:
		if text, err := (Profile{UserAgent: p.UserAgent}).text(); err != nil {
			return err
		} else if all, err := p.text(); err != nil || all != text {
			return fault.New(fault.Invalid, "a native provider's API is known: its profile may set user_agent only")
		}
		return nil
	case Manual:
		if text, err := p.text(); err != nil || text != "{}" {
			return fault.New(fault.Invalid, "a manual provider is never called: it has no profile")
		}
		return nil
	}
	return fault.Newf(fault.Invalid, "kind must be %s, %s or %s", Classic, Native, Manual)
}

// PackagePrice says what the rate of a package is at the provider: PriceFlat,
// PricePer1000, or "" where nobody has said. A native one is known to count for
// 1,000.
func (p Provider) PackagePrice() string {
	if p.Kind == Native {
		return PricePer1000
	}
	return p.Profile.PackagePrice
}
