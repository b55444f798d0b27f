// Package back says where a form may lead its reader when it is done: to paths of
// this panel alone, whatever was sent as the place to come back to.
package back

import (
	"net/url"
	"strings"
	"unicode"
)

// Home is where nothing better is known.
const Home = "/"

// Own returns a path of this panel with its query, Home for what leads elsewhere
// or might: browsers take two slashes, a backslash or a control character for
// another host, in plain or encoded.
func Own(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(path, "/") {
		return Home
	}
	if odd(path) || odd(u.Path) || strings.Contains(u.Path, "//") {
		return Home
	}
	return path
}

func odd(text string) bool {
	return strings.HasPrefix(text, "//") || strings.Contains(text, `\`) || strings.ContainsFunc(text, unicode.IsControl)
}
