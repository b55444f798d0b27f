// Package deploy_test reads the files by which others run the panel, and holds them
// against what the program knows.
package deploy_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/notpanel/notpanel/internal/config"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files are what is read by others: all but this test.
func files(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(name string) bool {
		info, err := os.Stat(name)
		return err != nil || info.IsDir() || strings.HasSuffix(name, ".go")
	})
}

var variable = regexp.MustCompile(`NOTPANEL_[A-Z0-9_]+`)

// known are the variables that the configuration reads.
func known(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	sources, err := filepath.Glob("../internal/config/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, name := range variable.FindAllString(read(t, path), -1) {
			names[name] = true
		}
	}
	for _, secret := range []string{"NOTPANEL_SECRET_KEY", "NOTPANEL_SECRET_KEY_OLD", "NOTPANEL_SMTP_PASSWORD", "NOTPANEL_TELEGRAM_BOT_TOKEN"} {
		if !names[secret] {
			t.Errorf("%s is not read any more", secret)
		}
		names[secret+"_FILE"] = true
	}
	return names
}

// Every variable that these files name is one that the configuration reads.
func TestVariablesExist(t *testing.T) {
	t.Parallel()
	names, found := known(t), 0
	for _, file := range files(t) {
		for _, name := range variable.FindAllString(read(t, file), -1) {
			found++
			if !names[name] {
				t.Errorf("%s names %s, which the configuration does not read", file, name)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d variables were found", found)
	}
}

// A panel starts with the settings that these files give it.
func TestSettingsAreAccepted(t *testing.T) {
	image := settings(read(t, "Dockerfile"), `(NOTPANEL_[A-Z_]+)=(\S+)`)
	delete(image, "NOTPANEL_DATABASE_URL") // of the other image
	compose := settings(read(t, "compose.yaml"), `(?m)^ +(NOTPANEL_[A-Z_]+): "?([^"#\n]*[^"# \n])`)
	maps.Copy(compose, image)
	for name, set := range map[string]map[string]string{
		"compose.yaml":            compose,
		"notpanel.env":            settings(read(t, "notpanel.env"), `(?m)^(NOTPANEL_[A-Z_]+)=(.*)$`),
		"notpanel.env, all of it": settings(read(t, "notpanel.env"), `(?m)^#?(NOTPANEL_[A-Z_]+)=(.*)$`),
	} {
		t.Run(name, func(t *testing.T) {
			if len(set) < 6 {
				t.Fatalf("only %v was found", set)
			}
			for variable, value := range set {
				t.Setenv(variable, standIn(t, variable, value))
			}
			var serve struct {
				config.Serve `embed:""`
			}
			parser, err := kong.New(&serve, kong.Exit(func(int) {}))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(nil); err != nil {
				t.Fatal(err)
			}
			if err := serve.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func settings(text, pattern string) map[string]string {
	set := map[string]string{}
	for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		set[found[1]] = found[2]
	}
	return set
}

// standIn is a file or folder of this machine in place of one that only another has.
func standIn(t *testing.T, variable, value string) string {
	t.Helper()
	content := map[string]string{
		"NOTPANEL_DATABASE_URL_FILE":  "postgres://notpanel:secret@postgres:5432/notpanel",
		"NOTPANEL_SECRET_KEY_FILE":    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
		"NOTPANEL_SMTP_PASSWORD_FILE": "secret",
	}[variable]
	switch {
	case content != "":
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	case variable == "NOTPANEL_BACKUP_FOLDER":
		return t.TempDir()
	}
	return value
}

// Whoever stops the panel waits longer than its calls to providers take, and it runs as
// nobody special.
func TestUnit(t *testing.T) {
	t.Parallel()
	unit := read(t, "notpanel.service")
	stop := regexp.MustCompile(`(?m)^TimeoutStopSec=(\d+)$`).FindStringSubmatch(unit)
	if stop == nil {
		t.Fatal("it says nothing of how long stopping may take")
	}
	seconds, err := strconv.Atoi(stop[1])
	if err != nil || time.Duration(seconds)*time.Second < providerTimeout(t)+100*time.Second {
		t.Errorf("it waits %s s (%v)", stop[1], err)
	}
	for _, line := range []string{"User=notpanel", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "ExecStart=/usr/local/bin/notpanel serve"} {
		for _, file := range []string{"notpanel.service", "notpanel-verify.service"} {
			if !strings.Contains(read(t, file), "\n"+line+"\n") && !strings.HasPrefix(line, "ExecStart") {
				t.Errorf("%s: %s is missing", file, line)
			}
		}
	}
	if !strings.Contains(unit, "\nExecStart=/usr/local/bin/notpanel serve\n") {
		t.Error("it does not serve")
	}
}

// providerTimeout is the default of how long sending an order may take.
func providerTimeout(t *testing.T) time.Duration {
	t.Helper()
	var o struct {
		config.Outbound `embed:""`
	}
	parser, err := kong.New(&o, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	return o.ProviderTimeout
}

// Images have short names, run as nobody, and are built by the Go that the module asks
// for.
func TestImages(t *testing.T) {
	t.Parallel()
	file := read(t, "Dockerfile")
	from := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(file, -1)
	for _, image := range from {
		if !regexp.MustCompile(`^[a-z]+(:[a-z0-9.-]+)?$`).MatchString(image[1]) {
			t.Errorf("%s is no short name", image[1])
		}
	}
	if users := strings.Count(file, "\nUSER 65532:65532\n"); len(from) != 3 || users != 2 {
		t.Errorf("%d images, of which %d run as nobody", len(from), users)
	}
	minor := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if minor == nil || !strings.Contains(file, "FROM golang:"+minor[1]+" AS build") {
		t.Errorf("it is not built by go %v", minor)
	}
}
