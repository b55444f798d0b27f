package brand

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Colour is a colour of the screen (sRGB).
type Colour struct{ R, G, B uint8 }

// The grounds on which the accent is drawn as text, of the light and the dark
// theme: the page, and what of its theme comes nearest to the accent. A test holds
// them to the style sheet's.
//
//nolint:gochecknoglobals // constants
var (
	LightSurface = Colour{0xff, 0xff, 0xff}
	LightRaised  = Colour{0xf7, 0xfa, 0xf8}
	DarkSurface  = Colour{0x0f, 0x14, 0x13}
	DarkRaised   = Colour{0x17, 0x1d, 0x1d}
)

// The shares of the accent in the ground of what is chosen, such as the page that
// is shown among those of the menu.
const (
	lightSoft = 0.07
	darkSoft  = 0.13
)

// mixed returns a mixture of two colours with that share of the first.
func mixed(a, b Colour, share float64) Colour {
	between := func(x, y float64) float64 { return share*x + (1-share)*y }
	p, q := a.lch(), b.lch()
	x := between(p.c*math.Cos(p.h), q.c*math.Cos(q.h))
	y := between(p.c*math.Sin(p.h), q.c*math.Sin(q.h))
	return lch{between(p.l, q.l), math.Hypot(x, y), math.Atan2(y, x)}.colour()
}

// Enough is the contrast that text needs on its ground (WCAG 2, level AA).
const Enough = 4.5

// String returns the colour as #rrggbb.
func (c Colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

var errColour = errors.New("must be a colour such as #0b63ce or oklch(0.52 0.18 256)")

// ParseColour reads #rgb, #rrggbb or oklch(LIGHTNESS CHROMA HUE), where lightness
// is between 0 and 1 or a percentage, chroma a number up to 0.5 and hue an angle in
// degrees. A colour that screens can't show becomes the nearest of that lightness
// and hue that they can.
func ParseColour(text string) (Colour, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if digits, ok := strings.CutPrefix(text, "#"); ok {
		return parseHex(digits)
	}
	m := oklchText.FindStringSubmatch(text)
	if m == nil {
		return Colour{}, errColour
	}
	l, c, h := number(m[1]), number(m[3]), number(m[4])
	if m[2] == "%" {
		l /= 100
	}
	const mostChroma = 0.5
	if l > 1 || c > mostChroma || h > 360 {
		return Colour{}, errColour
	}
	return (lch{l, c, h * math.Pi / 180}).colour(), nil
}

var oklchText = regexp.MustCompile(`^oklch\(\s*(\d{1,3}(?:\.\d{1,6})?)(%?)\s+(\d(?:\.\d{1,6})?)\s+(\d{1,3}(?:\.\d{1,6})?)(?:deg)?\s*\)$`)

// number reads what the pattern above has let through.
func number(s string) float64 {
	n, err := strconv.ParseFloat(s, 64) //nolint:forbidigo // a colour's part, not money
	if err != nil {
		return math.Inf(1)
	}
	return n
}

func parseHex(digits string) (Colour, error) {
	if len(digits) == 3 {
		d := digits
		digits = string([]byte{d[0], d[0], d[1], d[1], d[2], d[2]})
	}
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != 3 {
		return Colour{}, errColour
	}
	return Colour{b[0], b[1], b[2]}, nil
}

// Contrast returns the contrast of two colours, between 1 and 21.
func Contrast(a, b Colour) float64 {
	const flare = 0.05
	lighter, darker := a.luminance(), b.luminance()
	if lighter < darker {
		lighter, darker = darker, lighter
	}
	return (lighter + flare) / (darker + flare)
}

func (c Colour) luminance() float64 {
	r, g, b := c.linear()
	return 0.2126*r + 0.7152*g + 0.0722*b
}

// linear returns the parts as amounts of light.
func (c Colour) linear() (r, g, b float64) { return light(c.R), light(c.G), light(c.B) }

func light(part uint8) float64 {
	v := float64(part) / 255
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

func part(light float64) uint8 {
	v := 12.92 * light
	if light > 0.0031308 {
		v = 1.055*math.Pow(light, 1/2.4) - 0.055
	}
	return uint8(math.Round(255 * min(max(v, 0), 1)))
}

// lch is a colour by lightness, chroma and hue (in radians) as people see them,
// in the space OKLCH.
type lch struct{ l, c, h float64 }

// colour returns the colour, with as much of its chroma as screens can show.
func (o lch) colour() Colour {
	const least = 1e-4
	for {
		r, g, b := o.linear()
		if o.c < least || shown(r) && shown(g) && shown(b) {
			return Colour{part(r), part(g), part(b)}
		}
		o.c *= 0.98
	}
}

// shown reports whether an amount of light is within what screens have, but for
// less than a step of rounding.
func shown(light float64) bool {
	const step = 0.0005
	return light > -step && light < 1+step
}

// The numbers are those of the space's definition: https://bottosson.github.io/posts/oklab/
func (o lch) linear() (r, g, b float64) {
	x, y := o.c*math.Cos(o.h), o.c*math.Sin(o.h)
	l := cube(o.l + 0.3963377774*x + 0.2158037573*y)
	m := cube(o.l - 0.1055613458*x - 0.0638541728*y)
	s := cube(o.l - 0.0894841775*x - 1.2914855480*y)
	return 4.0767416621*l - 3.3077115913*m + 0.2309699292*s,
		-1.2684380046*l + 2.6097574011*m - 0.3413193965*s,
		-0.0041960863*l - 0.7034186147*m + 1.7076147010*s
}

func cube(v float64) float64 { return v * v * v }

func (c Colour) lch() lch {
	r, g, b := c.linear()
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	x := 1.9779984951*l - 2.4285922050*m + 0.4505937099*s
	y := 0.0259040371*l + 0.7827717662*m - 0.8086757660*s
	return lch{0.2104542553*l + 0.7936177850*m - 0.0040720468*s, math.Hypot(x, y), math.Atan2(y, x)}
}
