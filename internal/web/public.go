package web

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/notpanel/notpanel/internal/web/static"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// leastPacked is the shortest answer, in bytes, that is worth compressing.
const leastPacked = 1024

// public is what pages for anyone get beyond the others: who is not signed in may
// keep them as long as the browser asks each time, and they are compressed. What who
// is signed in reads is not: the frame names them, and how well an answer compresses
// could tell a stranger what is in it.
func public(route Route, next http.Handler) http.Handler {
	if route.Access != Anyone || !strings.HasPrefix(route.Pattern, "GET ") {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Cookie, Accept-Language, Accept-Encoding")
		p := &packed{
			ResponseWriter: w, reader: ui.Of(r.Context()),
			takes: r.Method == http.MethodGet && static.Accepts(r.Header.Get("Accept-Encoding"), "gzip"),
		}
		next.ServeHTTP(p, r)
		p.end()
	})
}

//nolint:gochecknoglobals // writers to use again, which are large
var packers = sync.Pool{New: func() any {
	const level = 5 // a page of 50 KB in under a millisecond
	w, err := gzip.NewWriterLevel(io.Discard, level)
	if err != nil {
		return gzip.NewWriter(io.Discard)
	}
	return w
}}

// packed compresses an answer of text that says how long it is.
type packed struct {
	http.ResponseWriter

	reader *ui.View
	takes  bool         // the browser knows gzip
	packer *gzip.Writer // nil: the answer goes out as it is
}

// WriteHeader decides, by what the handler says of the answer. Who reads it is
// known by now.
func (p *packed) WriteHeader(status int) {
	h := p.Header()
	if p.reader.Person == nil && h.Get("Cache-Control") == "no-store" {
		h.Set("Cache-Control", "private, no-cache")
	}
	length, err := strconv.Atoi(h.Get("Content-Length"))
	if p.takes && p.reader.Person == nil && err == nil && length >= leastPacked && isText(h.Get("Content-Type")) && h.Get("Content-Encoding") == "" {
		p.pack()
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *packed) pack() {
	packer, ok := packers.Get().(*gzip.Writer)
	if !ok {
		return
	}
	p.Header().Del("Content-Length")
	p.Header().Set("Content-Encoding", "gzip")
	packer.Reset(p.ResponseWriter)
	p.packer = packer
}

// Write writes a part of the answer.
func (p *packed) Write(b []byte) (int, error) {
	if p.packer != nil {
		return p.packer.Write(b) //nolint:wrapcheck // a writer in between
	}
	return p.ResponseWriter.Write(b) //nolint:wrapcheck // a writer in between
}

// Unwrap is for http.ResponseController.
func (p *packed) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *packed) end() {
	if p.packer == nil {
		return
	}
	_ = p.packer.Close() // the reader has gone
	p.packer.Reset(io.Discard)
	packers.Put(p.packer)
}

func isText(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	switch kind {
	case "text/html", "text/plain", "text/markdown", "text/xml", "application/xml", "application/json", "image/svg+xml":
		return true
	}
	return false
}
