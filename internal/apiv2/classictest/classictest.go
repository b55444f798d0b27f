// Package classictest holds readers of classic answers that are as strict as the
// strictest clients: what one of them can't read is an error. Tests hold the
// panel's answers against all of them.
//
// It knows bytes and nothing of the panel: a change of the panel's own types can't
// make a reader more lenient.
package classictest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What the strictest clients allow an answer.
const (
	MaxAnswer = 2 << 20 // bytes
	Timeout   = 10 * time.Second
)

// Answer is what came back to a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Client calls a panel as a classic client does: one key, forms, a short
// patience and a small buffer.
type Client struct {
	URL string
	Key string
	// HTTP makes the calls; its own limits come besides.
	HTTP *http.Client
}

// Call posts an action with pairs of name and value.
func (c Client) Call(ctx context.Context, action string, pairs ...string) (Answer, error) {
	form := url.Values{"key": {c.Key}, "action": {action}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", action, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", action, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", action, err)
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: body}, nil
}

// Action says which answer is read.
type Action struct {
	Name string // services, add, status, refill, refill_status, cancel, balance
	Many bool   // of status, refill, refill_status and cancel: a list was asked for
	// Tokens are the ids that a list had, each once, as they were sent.
	Tokens []string
}

// Reader reads an answer or says why a client could not.
type Reader struct {
	Name string
	Read func(Action, Answer) error
}

// Readers returns all readers of a key with ids as numbers. Every one of them can
// read every answer that is not text.
func Readers() []Reader {
	return []Reader{
		{"transport", transport},
		{"one error", oneError},
		{"numeric ids in 32 bits", numericIDs},
		{"text where text is documented", texts},
		{"flags", flags},
		{"exact words", exactWords},
		{"errors inside of values", nestedErrors},
	}
}

// ReadAll reads an answer with every reader.
func ReadAll(action Action, a Answer) error {
	var all error
	for _, r := range Readers() {
		if err := r.Read(action, a); err != nil {
			all = errors.Join(all, fmt.Errorf("%s: %s: %w: %.300s", action.Name, r.Name, err, a.Body))
		}
	}
	return all
}

// transport reads what is around the body.
func transport(_ Action, a Answer) error {
	switch {
	case a.Status != http.StatusOK:
		return fmt.Errorf("status %d is no answer", a.Status)
	case len(a.Body) > MaxAnswer:
		return fmt.Errorf("more than %d bytes", MaxAnswer)
	case a.Header.Get("Content-Type") != "application/json":
		return fmt.Errorf("content type %q", a.Header.Get("Content-Type"))
	case a.Header.Get("Content-Encoding") != "":
		return errors.New("it is compressed, and nobody asked for that")
	case !json.Valid(a.Body):
		return errors.New("it is no JSON")
	case bytes.HasPrefix(bytes.TrimSpace(a.Body), []byte("\xef\xbb\xbf")):
		return errors.New("a mark stands before it")
	case bytes.Contains(a.Body, []byte(":null")) || bytes.Contains(a.Body, []byte("[null")) || bytes.Equal(a.Body, []byte("null")):
		return errors.New("null stands in it")
	case bytes.ContainsAny(a.Body, "\n\r\t"):
		return errors.New("it is not compact")
	}
	return nil
}

// oneError counts the members of an answer that has an error: there is that one.
func oneError(_ Action, a Answer) error {
	var v any
	if err := strict(a.Body, &v); err != nil {
		return err
	}
	return eachObject(v, func(o map[string]any) error {
		text, has := o["error"]
		if !has {
			return nil
		}
		if s, ok := text.(string); !ok || s == "" || len(o) != 1 {
			return fmt.Errorf("an error is %v beside %d other members", text, len(o)-1)
		}
		return nil
	})
}

// eachObject visits every object in a value.
func eachObject(v any, visit func(map[string]any) error) error {
	switch v := v.(type) {
	case map[string]any:
		if err := visit(v); err != nil {
			return err
		}
		for _, inner := range v {
			if err := eachObject(inner, visit); err != nil {
				return err
			}
		}
	case []any:
		for _, inner := range v {
			if err := eachObject(inner, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// strict decodes exactly one value, with nothing behind it and no unknown fields.
func strict(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind the answer")
	}
	return nil
}

// failed reports whether an answer is one error for the whole request.
func failed(body []byte) bool {
	var e struct {
		Error *string `json:"error"`
	}
	return strict(body, &e) == nil && e.Error != nil
}
