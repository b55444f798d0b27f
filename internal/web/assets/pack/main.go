// Command pack makes of the built style sheet, the scripts and the fonts what the
// program embeds: each file under a name that carries its hash, beside itself
// compressed, and a list of them.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/andybalholm/brotli"
	kgzip "github.com/klauspost/compress/gzip"
)

// bundles are the scripts and what each is made of, in this order: htmx begins by
// a timer, so what listens to it must stand before it in the same file.
func bundles() map[string][]string {
	const modules = "node_modules/"
	return map[string][]string{
		"app.js": {
			"app.js", "docs.js", modules + "htmx.org/dist/htmx.min.js", modules + "htmx.org/dist/ext/hx-sse.min.js", modules + "@alpinejs/csp/dist/cdn.min.js",
		},
		"chart.js": {modules + "uplot/dist/uPlot.iife.min.js", "chart.js"},
	}
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: pack ASSETS STYLESHEET OUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

// packer writes files and keeps their names.
type packer struct {
	out   string
	names map[string]string // as pages call them → as they are served
}

func run(assets, sheet, out string) error {
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	p := &packer{out: out, names: map[string]string{}}
	if err := p.fonts(assets); err != nil {
		return err
	}
	for name, parts := range bundles() {
		var all [][]byte
		for _, part := range parts {
			content, err := os.ReadFile(filepath.Join(assets, part))
			if err != nil {
				return err
			}
			all = append(all, bytes.TrimSpace(withoutMap(content)))
		}
		if err := p.add(name, bytes.Join(all, []byte(";\n")), true); err != nil {
			return err
		}
	}
	style, err := os.ReadFile(sheet)
	if err != nil {
		return err
	}
	for name, served := range p.names {
		style = bytes.ReplaceAll(style, []byte(name), []byte(served))
	}
	if err := p.add("app.css", style, true); err != nil {
		return err
	}
	list, err := json.MarshalIndent(p.names, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "names.json"), append(list, '\n'), 0o644)
}

func (p *packer) fonts(assets string) error {
	files, err := filepath.Glob(filepath.Join(assets, "fonts", "*.woff2"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, errors.New("no fonts"))
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := p.add(filepath.Base(file), content, false); err != nil {
			return err
		}
	}
	return nil
}

// withoutMap takes off the line that names a source map, which is not served.
func withoutMap(content []byte) []byte {
	if at := bytes.LastIndex(content, []byte("//# sourceMappingURL=")); at >= 0 {
		return content[:at]
	}
	return content
}

// add writes a file under its hashed name and, where it helps, compressed.
func (p *packer) add(name string, content []byte, compress bool) error {
	sum := sha256.Sum256(content)
	ext := filepath.Ext(name)
	hash := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
	served := strings.TrimSuffix(name, ext) + "-" + hash + ext
	p.names[name] = served
	file := filepath.Join(p.out, served)
	if err := os.WriteFile(file, content, 0o644); err != nil {
		return err
	}
	if !compress {
		return nil
	}
	var zipped, brotlied bytes.Buffer
	z, err := kgzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return err
	}
	b := brotli.NewWriterLevel(&brotlied, brotli.BestCompression)
	_, errZ := z.Write(content)
	_, errB := b.Write(content)
	return errors.Join(errZ, errB, z.Close(), b.Close(),
		os.WriteFile(file+".gz", zipped.Bytes(), 0o644), os.WriteFile(file+".br", brotlied.Bytes(), 0o644))
}
