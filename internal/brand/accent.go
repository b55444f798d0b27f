package brand

import (
	"fmt"
	"strings"
)

// Accent is the one colour of the pages that is the operator's, in both themes,
// each with the colour of text on it.
type Accent struct {
	Light, LightText Colour
	Dark, DarkText   Colour
}

// NewAccent checks an accent for the two themes. Without one for the dark theme it
// is the light one's, made lighter until it can be read. An error says which pair
// of colours can't be told apart well enough; inDark tells whose fault it is.
func NewAccent(light, dark string) (a Accent, inDark bool, err error) {
	if a.Light, err = ParseColour(light); err != nil {
		return a, false, err
	}
	if a.LightText, err = readable(a.Light, "light", LightSurface, LightRaised, lightSoft); err != nil {
		return a, false, err
	}
	if dark != "" {
		if a.Dark, err = ParseColour(dark); err != nil {
			return a, true, err
		}
	} else {
		a.Dark = lightened(a.Light)
	}
	a.DarkText, err = readable(a.Dark, "dark", DarkSurface, DarkRaised, darkSoft)
	return a, true, err
}

// ContrastError says which pair of colours can't be told apart well enough.
type ContrastError struct {
	Accent, Ground Colour
	InDark         bool // the ground is the dark theme's: a lighter accent would do
	Contrast       float64

	ground string // its name
}

// Error names the pair and says what to do.
func (e *ContrastError) Error() string {
	theme, do := "light", "darker"
	if e.InDark {
		theme, do = "dark", "lighter"
	}
	return fmt.Sprintf("%s on the %s theme's %s (%s) has a contrast of %.2f and needs %.1f: take a %s colour",
		e.Accent, theme, e.ground, e.Ground, e.Contrast, Enough, do)
}

// readable holds an accent against its theme's grounds and returns the colour of
// text on it.
func readable(accent Colour, theme string, surface, raised Colour, soft float64) (onIt Colour, err error) {
	for _, ground := range []struct {
		name   string
		colour Colour
	}{{"surface", surface}, {"raised surface", raised}, {"marked surface", mixed(accent, surface, soft)}} {
		if c := Contrast(accent, ground.colour); c < Enough {
			return onIt, &ContrastError{Accent: accent, Ground: ground.colour, InDark: theme == "dark", Contrast: c, ground: ground.name}
		}
	}
	onIt = LightSurface
	if Contrast(accent, DarkSurface) > Contrast(accent, onIt) {
		onIt = DarkSurface
	}
	if c := Contrast(onIt, accent); c < Enough {
		return onIt, fmt.Errorf("text (%s) on %s has a contrast of %.2f and needs %.1f", onIt, accent, c, Enough)
	}
	return onIt, nil
}

// lightened returns the colour, as much lighter as the dark theme needs.
func lightened(c Colour) Colour {
	o := c.lch()
	for min(Contrast(c, DarkRaised), Contrast(c, mixed(c, DarkSurface, darkSoft))) < Enough && o.l < 1 {
		o.l = min(1, o.l+0.01)
		c = o.colour()
	}
	return c
}

// stylesheet is a file of its own, for the pages allow no styles in them. The
// theme is the system's unless the page names one.
func (a Accent) stylesheet() string {
	var b strings.Builder
	rule := func(selector string, accent, text Colour) {
		fmt.Fprintf(&b, "%s{--accent:%s;--accent-text:%s}", selector, accent, text)
	}
	rule(":root", a.Light, a.LightText)
	b.WriteString("@media (prefers-color-scheme:dark){")
	rule(":root:not([data-theme])", a.Dark, a.DarkText)
	b.WriteString("}")
	rule(`:root[data-theme="light"]`, a.Light, a.LightText)
	rule(`:root[data-theme="dark"]`, a.Dark, a.DarkText)
	b.WriteString("\n")
	return b.String()
}
