// Package static serves the style sheet, the scripts and the fonts that are built
// from internal/web/assets. Their names carry their hashes, so a browser keeps
// them for good.
package static

import (
	"embed"
	"encoding/json"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed files
var files embed.FS

// Prefix is the path below which the files are served.
const Prefix = "/static/"

// names maps what pages call a file to the name it is served under.
//
//nolint:gochecknoglobals // read once from what is embedded
var names = sync.OnceValues(func() (map[string]string, error) {
	content, err := files.ReadFile("files/names.json")
	if err != nil {
		return nil, err //nolint:wrapcheck // said by the test that reads it
	}
	all := map[string]string{}
	return all, json.Unmarshal(content, &all)
})

// URL returns the path of a file by the name that it is built under, such as
// "app.css". A name that is not built has none.
func URL(name string) string {
	all, err := names()
	if err != nil || all[name] == "" {
		return ""
	}
	return Prefix + all[name]
}

// Handler serves the files, compressed where the browser takes it.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, Prefix)
	if strings.Contains(name, "/") || path.Ext(name) == ".json" {
		http.NotFound(w, r)
		return
	}
	content, err := fs.ReadFile(files, "files/"+name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType(name))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	for _, c := range []struct{ encoding, ext string }{{"br", ".br"}, {"gzip", ".gz"}} {
		packed, err := fs.ReadFile(files, "files/"+name+c.ext)
		if err == nil && accepts(r.Header.Get("Accept-Encoding"), c.encoding) {
			h.Set("Content-Encoding", c.encoding)
			content = packed
			break
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) //nolint:gosec // what is embedded, whatever its name was
	}
}

func contentType(name string) string {
	if path.Ext(name) == ".woff2" {
		return "font/woff2" // not in every system's list of types
	}
	return mime.TypeByExtension(path.Ext(name))
}

// accepts reports whether an Accept-Encoding header takes an encoding.
func accepts(header, encoding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			weight = strings.ReplaceAll(weight, " ", "")
			return weight != "q=0" && weight != "q=0.0"
		}
	}
	return false
}
