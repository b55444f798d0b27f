package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// Field is a parameter of a request, under our name.
type Field struct{ Name, Value string }

// effect says what a call does at the provider. It decides about the method.
type effect int

const (
	looks effect = iota + 1 // may be repeated by anything on the way
	acts                    // must not be
)

// request makes a call's request as the provider's profile says: the key, the
// action, then the fields in their order.
func (c *Client) request(ctx context.Context, action string, fields []Field, e effect) (*http.Request, error) {
	all := []Field{{c.profile.name("key"), c.key}, {c.profile.name("action"), action}}
	for _, f := range fields {
		all = append(all, Field{c.profile.name(f.Name), f.Value})
	}
	method, encoding := c.profile.Method, c.profile.Encoding
	if method == "" || e == acts {
		method = http.MethodPost
	}
	if e == acts && c.profile.AddGet {
		method = http.MethodGet
	}
	if method == http.MethodGet {
		encoding = EncodeQuery
	}
	body, contentType, err := encode(encoding, all)
	if err != nil {
		return nil, err
	}
	address := c.url
	if encoding == EncodeQuery {
		address, body = address+"?"+string(body), nil
	}
	return c.dress(ctx, method, address, body, contentType)
}

// dress makes the request and gives it its headers.
func (c *Client) dress(ctx context.Context, method, address string, body []byte, contentType string) (*http.Request, error) {
	var reader io.Reader
	if len(body) > 0 {
		reader = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return nil, errors.New("the provider's address is malformed")
	}
	if reader != nil {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", userAgent)
	if c.profile.UserAgent != "" {
		request.Header.Set("User-Agent", c.profile.UserAgent)
	}
	for _, h := range c.headers {
		request.Header.Set(h.Name, h.Value)
	}
	return request, nil
}

// encode writes fields; to the query as to a form.
func encode(encoding string, fields []Field) (body []byte, contentType string, err error) {
	switch encoding {
	case EncodeJSON:
		body, err = encodeJSON(fields)
		return body, "application/json", err
	case EncodeMultipart:
		return encodeMultipart(fields)
	}
	var form strings.Builder
	for i, f := range fields {
		if i > 0 {
			form.WriteByte('&')
		}
		form.WriteString(url.QueryEscape(f.Name) + "=" + url.QueryEscape(f.Value))
	}
	return []byte(form.String()), "application/x-www-form-urlencoded", nil
}

// encodeJSON writes an object of texts: every server reads a number out of a
// text, not every one the other way round.
func encodeJSON(fields []Field) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		name, nameErr := json.Marshal(f.Name)
		value, valueErr := json.Marshal(f.Value)
		if err := errors.Join(nameErr, valueErr); err != nil {
			return nil, errors.New("a value that JSON can't hold")
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func encodeMultipart(fields []Field) (body []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		err = errors.Join(err, w.WriteField(f.Name, f.Value))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, "", errors.New("a value that a form can't hold")
	}
	return b.Bytes(), w.FormDataContentType(), nil
}

// newlines writes every end of a line as most servers take it: a list's entries
// stand on lines of their own.
func newlines(value string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(value)
}
