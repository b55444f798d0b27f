package brand_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/brand"
)

func colour(t *testing.T, text string) brand.Colour {
	t.Helper()
	c, err := brand.ParseColour(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return c
}

// Colours are read as browsers read them; the values are those that CSS Color 4
// and its tests give.
func TestParseColour(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"#0B63ce":                         "#0b63ce",
		" #fff ":                          "#ffffff",
		"#a3c":                            "#aa33cc",
		"oklch(0 0 0)":                    "#000000",
		"oklch(100% 0 0)":                 "#ffffff",
		"oklch(1 0 0)":                    "#ffffff",
		"OKLCH(51.975% 0.17686 142.495)":  "#008000",
		"oklch(0.62796 0.25768 29.23deg)": "#ff0000",
		"oklch(45.201% 0.31321 264.052)":  "#0000ff",
	} {
		if got := colour(t, text).String(); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	// A chroma that no screen has keeps its hue and lightness.
	if c := colour(t, "oklch(0.5 0.5 142)"); c.G <= c.R || c.G <= c.B {
		t.Errorf("a very green colour became %s", c)
	}
	for _, text := range []string{
		"", "blue", "#", "#12", "#12345", "#1234567", "#12345678", "#ggg", "0b63ce", "rgb(1,2,3)", "oklch(0.5 0.1)", "oklch(0.5 0.1 20 / 50%)",
		"oklch(1.2 0.1 20)", "oklch(200% 0.1 20)", "oklch(0.5 0.6 20)", "oklch(0.5 0.1 400)", "oklch(0.5 -0.1 20)", "oklch(NaN 0 0)",
		"#fff}body{display:none", "#fff;", "oklch(0.5 0.1 20)}", "ＦＦＦ", "#ｆｆｆ",
	} {
		if c, err := brand.ParseColour(text); err == nil {
			t.Errorf("%q was read as %s", text, c)
		}
	}
}

// Contrast is the one that WCAG defines.
func TestContrast(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want float64
	}{{"#000", "#fff", 21}, {"#fff", "#000", 21}, {"#777", "#fff", 4.48}, {"#767676", "#fff", 4.54}, {"#0b63ce", "#0b63ce", 1}} {
		if got := brand.Contrast(colour(t, c.a), colour(t, c.b)); math.Abs(got-c.want) > 0.01 {
			t.Errorf("%s and %s: %.3f, want %.2f", c.a, c.b, got, c.want)
		}
	}
}

// An accent that is taken can be read in both themes, and so can text on it.
func TestAccentsThatAreTakenCanBeRead(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	taken := 0
	for range 2000 {
		light := brand.Colour{R: uint8(random.UintN(256)), G: uint8(random.UintN(256)), B: uint8(random.UintN(256))}
		a, inDark, err := brand.NewAccent(light.String(), "")
		if err != nil {
			if inDark {
				t.Errorf("%s is readable on light, and its dark form is not: %v", light, err)
			}
			continue
		}
		taken++
		for _, pair := range [][2]brand.Colour{
			{a.Light, brand.LightSurface},
			{a.Light, brand.LightRaised},
			{a.LightText, a.Light},
			{a.Dark, brand.DarkSurface},
			{a.Dark, brand.DarkRaised},
			{a.DarkText, a.Dark},
		} {
			if c := brand.Contrast(pair[0], pair[1]); c < brand.Enough {
				t.Errorf("%s: %s and %s have %.2f", light, pair[0], pair[1], c)
			}
		}
	}
	if taken < 200 {
		t.Errorf("only %d of 2000 colours were taken", taken)
	}
}

// A refusal names the pair of colours and its contrast, and says what to do.
func TestAccentsThatCantBeRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		light, dark string
		inDark      bool
		want        []string
	}{
		{"#ffd400", "", false, []string{"#ffd400", "light theme's surface (#ffffff)", "1.4", "needs 4.5", "darker"}},
		{"#757575", "", false, []string{"light theme's raised surface", "4.38"}},
		{"#0b63ce", "#0b63ce", true, []string{"#0b63ce", "dark theme's surface", "needs 4.5", "lighter"}},
		{"#0b63ce", "sky", true, []string{"must be a colour"}},
		{"sky", "#fff", false, []string{"must be a colour"}},
	} {
		_, inDark, err := brand.NewAccent(c.light, c.dark)
		if err == nil || inDark != c.inDark {
			t.Errorf("%s, %s: %v, %v", c.light, c.dark, inDark, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v; want %q", c.light, c.dark, err, want)
			}
		}
	}
}

// The style sheet follows the page's theme, or the system's, and another accent
// has another name.
func TestStylesheet(t *testing.T) {
	t.Parallel()
	if _, found := brand.Default().Stylesheet(); found {
		t.Error("a style sheet without an accent")
	}
	sheet := func(light, dark string) brand.Asset {
		a, _, err := brand.NewAccent(light, dark)
		if err != nil {
			t.Fatal(err)
		}
		file, found := brand.Brand{Accent: &a}.Stylesheet()
		if !found || file.Type != "text/css; charset=utf-8" || !strings.HasPrefix(file.Name, "brand-") || !strings.HasSuffix(file.Name, ".css") {
			t.Errorf("%+v, %v", file, found)
		}
		return file
	}
	file := sheet("#0b63ce", "#7ab8ff")
	want := ":root{--accent:#0b63ce;--accent-text:#ffffff}" +
		"@media (prefers-color-scheme:dark){:root:not([data-theme]){--accent:#7ab8ff;--accent-text:#0f1413}}" +
		`:root[data-theme="light"]{--accent:#0b63ce;--accent-text:#ffffff}` +
		`:root[data-theme="dark"]{--accent:#7ab8ff;--accent-text:#0f1413}` + "\n"
	if got := string(file.Body); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if again := sheet("#0B63CE", "#7ab8ff"); again.Name != file.Name {
		t.Errorf("the same accent is %s and %s", file.Name, again.Name)
	}
	if other := sheet("#0b63ce", "#8ab8ff"); other.Name == file.Name {
		t.Errorf("two accents are %s", file.Name)
	}
}

func picture(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	m := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black, color.White})
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(t *testing.T, body []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "logo")
	if err := os.WriteFile(name, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// webp is the header of a WebP file with that chunk.
func webp(chunk string, body ...byte) []byte {
	return append([]byte("RIFF\x40\x00\x00\x00WEBP"+chunk+"\x10\x00\x00\x00"), append(body, make([]byte, 20)...)...)
}

// A logo is taken by what is in its file, whatever the file is called.
func TestLogo(t *testing.T) {
	t.Parallel()
	whole, err := base64.StdEncoding.DecodeString("UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAgA0JaQAA3AA/vuUAAA=")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		body  []byte
		media string
		width int
	}{
		"png":                {picture(t, 100, 50), "image/png", 56},
		"narrow png":         {picture(t, 28, 56), "image/png", 14},
		"lossy webp":         {webp("VP8 ", 0, 0, 0, 0x9d, 1, 0x2a, 120, 0, 60, 0), "image/webp", 56},
		"lossless webp":      {webp("VP8L", 0x2f, 0x77, 0xc0, 0x0e, 0), "image/webp", 56}, // 119 | 59<<14
		"webp with features": {webp("VP8X", 0, 0, 0, 0, 119, 0, 0, 59, 0, 0), "image/webp", 56},
	} {
		l, err := brand.ReadLogo(file(t, c.body))
		if err != nil || l.Type != c.media || l.Width() != c.width || !bytes.Equal(l.Body, c.body) || !strings.HasPrefix(l.Name, "logo-") {
			t.Errorf("%s: %s %s, %d wide, %v", name, l.Name, l.Type, l.Width(), err)
		}
	}
	svg := []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	large := append(picture(t, 100, 50), make([]byte, brand.LogoMost)...)
	for name, c := range map[string]struct {
		file, want string
	}{
		"svg":            {file(t, svg), "must be a PNG or WebP picture"},
		"gif":            {file(t, []byte("GIF89a\x01\x00\x01\x00")), "must be a PNG or WebP picture"},
		"html":           {file(t, []byte("<html><script>")), "must be a PNG or WebP picture"},
		"empty":          {file(t, nil), "must be a PNG or WebP picture"},
		"large":          {file(t, large), "larger than 64 KiB"},
		"low":            {file(t, picture(t, 28, 27)), "at least 28 high"},
		"wide":           {file(t, picture(t, 300, 30)), "at most 8 times as wide as high"},
		"high":           {file(t, picture(t, 30, 4097)), "at most 4096"},
		"a cut png":      {file(t, picture(t, 100, 50)[:20]), "damaged"},
		"a cut webp":     {file(t, webp("VP8X")[:25]), "damaged"},
		"a webp of none": {file(t, webp("VP8Z")), "damaged"},
		"one pixel":      {file(t, whole), "at least 28 high"},
		"no file":        {filepath.Join(t.TempDir(), "none"), "can't be read"},
		"a folder":       {t.TempDir(), "is no file"},
	} {
		if _, err := brand.ReadLogo(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}
