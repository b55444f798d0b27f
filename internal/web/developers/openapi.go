package developers

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/klauspost/compress/gzip"

	"github.com/notpanel/notpanel/internal/web/openapi"
	"github.com/notpanel/notpanel/internal/web/static"
)

// description is the API's description for programs, ready to be sent.
type description struct{ plain, packed []byte }

// describe makes the description of the panel's API and packs it, once for all who
// ask.
func (e *edition) describe() (d description, err error) {
	if d.plain, err = openapi.Document(e.settings); err != nil {
		return d, err
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return d, fmt.Errorf("pack the API's description: %w", err)
	}
	if _, err = w.Write(d.plain); err == nil {
		err = w.Close()
	}
	if err != nil {
		return d, fmt.Errorf("pack the API's description: %w", err)
	}
	d.packed = b.Bytes()
	return d, nil
}

// OpenAPI is /openapi.json. Viewers and editors on other sites may read it from
// their pages: it is the same for everybody, and a request without the reader's
// cookies is all that they can send.
func (p *Pages) OpenAPI(w http.ResponseWriter, r *http.Request) error {
	d, err := p.edition().described()
	if err != nil {
		return err
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if !static.Accepts(r.Header.Get("Accept-Encoding"), "gzip") {
		send(w, r, "application/json", d.plain)
		return nil
	}
	w.Header().Set("Content-Encoding", "gzip")
	send(w, r, "application/json", d.packed)
	return nil
}
