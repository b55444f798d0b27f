package ui

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/a-h/templ"
)

// Form is what was typed and what is wrong with it.
type Form struct {
	Values url.Values
	Errors map[string]string // by field, in the reader's language
	Error  string            // of the form as a whole
	order  []string
}

// NewForm returns the form of what came in.
func NewForm(values url.Values) *Form {
	if values == nil {
		values = url.Values{}
	}
	return &Form{Values: values, Errors: map[string]string{}}
}

// Sent is the form that a request sent, without what is never written back.
func Sent(r *http.Request) *Form {
	if err := r.ParseForm(); err != nil {
		return NewForm(nil)
	}
	values := url.Values{}
	for name, all := range r.PostForm {
		switch name {
		case "password", "new_password", "code", "passkey":
		default:
			values[name] = all
		}
	}
	return NewForm(values)
}

// Refuse says what is wrong with a field. The first one refused gets the focus.
func (f *Form) Refuse(field, text string) {
	if _, known := f.Errors[field]; !known {
		f.order = append(f.order, field)
	}
	f.Errors[field] = text
}

// OK reports that nothing was refused.
func (f *Form) OK() bool { return len(f.Errors) == 0 && f.Error == "" }

// Value returns what was typed into a field.
func (f *Form) Value(field string) string {
	if f == nil {
		return ""
	}
	return f.Values.Get(field)
}

// wrong returns what is wrong with a field and whether it gets the focus.
func (f *Form) wrong(field string) (text string, focus bool) {
	if f == nil {
		return "", false
	}
	return f.Errors[field], len(f.order) > 0 && f.order[0] == field
}

// Input describes a field of a form.
type Input struct {
	Name         string
	Label        string // in the reader's language, as Help
	Help         string
	Type         string // "" is text
	Value        string // where nothing was typed; secrets are never written back
	Autocomplete string
	Mode         string // inputmode
	Placeholder  string
	Required     bool
	Focus        bool // gets the focus where nothing is wrong
	Max          int  // characters; 0: no limit of its own
	Attrs        templ.Attributes
}

// secret reports that what was typed is not written back into the page.
func (i Input) secret() bool { return i.Type == "password" }

func (i Input) value(f *Form) string {
	switch {
	case i.secret():
		return ""
	case f != nil && f.Values.Has(i.Name):
		return f.Values.Get(i.Name)
	}
	return i.Value
}

// attributes are those that depend on the form.
func (i Input) attributes(f *Form) templ.Attributes {
	text, focus := f.wrong(i.Name)
	a := templ.Attributes{}
	describedBy := ""
	if i.Help != "" {
		describedBy = i.Name + "-help"
	}
	if text != "" {
		a["aria-invalid"] = "true"
		describedBy = i.Name + "-error"
	}
	if describedBy != "" {
		a["aria-describedby"] = describedBy
	}
	anyWrong := f != nil && len(f.order) > 0
	if focus || i.Focus && !anyWrong {
		a["autofocus"] = true
	}
	for name, value := range map[string]string{"autocomplete": i.Autocomplete, "inputmode": i.Mode, "placeholder": i.Placeholder} {
		if value != "" {
			a[name] = value
		}
	}
	if i.Max > 0 {
		a["maxlength"] = i.Max
	}
	maps.Copy(a, i.Attrs)
	return a
}

// Option is one of several answers.
type Option struct {
	Value string
	Label string
	Help  string
}

// chosen reports whether an option is the form's, or the first where nothing was
// chosen.
func chosen(f *Form, name, value, usual string) bool {
	if f != nil && f.Values.Has(name) {
		return f.Values.Get(name) == value
	}
	return value == usual
}

// ticked reports whether an option is among the form's, or the usual where the form
// has none of the kind.
func ticked(f *Form, name, value string, usual []string) bool {
	if f != nil && f.Values.Has(name) {
		return slices.Contains(f.Values[name], value)
	}
	return slices.Contains(usual, value)
}

// ProofFields are what a form asks for that needs a proof of who sends it: the
// password always.
type ProofFields struct {
	Code    bool   // a code of the second factor too
	Passkey string // options for the browser, as JSON; "": there is no passkey
}
