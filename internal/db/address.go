package db

import (
	"net/url"
	"strings"
)

// Address is a PostgreSQL address in parts, for programs of PostgreSQL's own: they
// get the password by the environment, for arguments can be read by every user of
// the machine. Several hosts may stand in it, which is why package url can't read it.
type Address struct {
	scheme, user, password, hosts, database string

	options url.Values
}

// ParseAddress takes an address apart that Open takes.
func ParseAddress(address string) Address {
	scheme, rest, _ := strings.Cut(address, "://")
	rest, query, _ := strings.Cut(rest, "?")
	authority, database, _ := strings.Cut(rest, "/")
	a := Address{scheme: scheme, hosts: authority, database: database}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		a.hosts = authority[at+1:]
		a.user, a.password, _ = strings.Cut(authority[:at], ":")
	}
	if plain, err := url.PathUnescape(a.password); err == nil {
		a.password = plain
	}
	a.options, _ = url.ParseQuery(query) // what can't be read Open has refused
	if p := a.options.Get("password"); p != "" {
		a.password = p
		a.options.Del("password")
	}
	for name := range a.options {
		if strings.HasPrefix(name, "pool_") || strings.HasSuffix(name, "_cache_capacity") || name == "default_query_exec_mode" {
			a.options.Del(name) // our driver's alone
		}
	}
	return a
}

// WithDatabase is the address of another database of the server.
func (a Address) WithDatabase(name string) Address {
	a.database = url.PathEscape(name)
	return a
}

// Password is what WithoutPassword leaves out.
func (a Address) Password() string { return a.password }

// WithoutPassword is the address as an argument.
func (a Address) WithoutPassword() string { return a.text(a.user) }

// String is the whole address, with its password: it is for Open, never for people.
func (a Address) String() string {
	if a.password == "" {
		return a.text(a.user)
	}
	return a.text(a.user + url.UserPassword("", a.password).String())
}

func (a Address) text(user string) string {
	if user != "" {
		user += "@"
	}
	text := a.scheme + "://" + user + a.hosts + "/" + a.database
	if len(a.options) > 0 {
		text += "?" + a.options.Encode()
	}
	return text
}

// Place is where the database is, for people: without user, password and options.
func (a Address) Place() string { return a.hosts + "/" + a.database }
