package site

import (
	"bytes"
	"embed"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"sync"

	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
	"golang.org/x/image/webp"

	"github.com/notpanel/notpanel/internal/brand"
)

// The letters of the card: Inter in weight 600, a file a script.
//
//go:embed fonts
var fontFiles embed.FS

// Size of the card, as social networks show it.
const (
	cardWidth  = 1200
	cardHeight = 630
	cardMargin = 96
)

// ownAccent is the light theme's accent of the style sheet.
const ownAccent = "oklch(0.455 0.094 165)"

// colours are the accent and what is drawn on it.
func colours(b brand.Brand) (ground, line brand.Colour) {
	if b.Accent != nil {
		return b.Accent.Light, b.Accent.LightText
	}
	ground, err := brand.ParseColour(ownAccent)
	if err != nil {
		return brand.DarkSurface, brand.LightSurface
	}
	return ground, brand.LightSurface
}

func rgba(c brand.Colour) color.RGBA { return color.RGBA{c.R, c.G, c.B, 0xff} }

// cards keeps the card of the brand that it was last asked for: it takes a while to
// draw.
type cards struct {
	mu    sync.Mutex
	drawn []byte // nil: none was asked for
	whose brand.Brand
}

func (c *cards) of(b brand.Brand) (picture []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drawn != nil && c.whose.LooksAs(b) {
		return c.drawn, nil
	}
	if picture, err = drawCard(b); err != nil {
		return nil, err
	}
	c.drawn, c.whose = picture, b
	return picture, nil
}

// drawCard draws the panel's name beside its sign, or below the operator's logo.
// A name in letters that no file has is left out.
func drawCard(b brand.Brand) ([]byte, error) {
	picture := image.NewRGBA(image.Rect(0, 0, cardWidth, cardHeight))
	draw.Draw(picture, picture.Bounds(), image.NewUniform(rgba(brand.LightSurface)), image.Point{}, draw.Src)
	ground, line := colours(b)
	const stripe = 16
	draw.Draw(picture, image.Rect(0, cardHeight-stripe, cardWidth, cardHeight), image.NewUniform(rgba(ground)), image.Point{}, draw.Src)

	const sign, base = 168, 470
	if logo := decoded(b.Logo); logo != nil {
		placeLogo(picture, logo)
	} else {
		drawMark(picture, image.Pt(cardMargin, 128), sign, rgba(ground), rgba(line))
	}
	if err := write(picture, b.Name, base); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("draw the card: %w", err)
	}
	return out.Bytes(), nil
}

// decoded returns the operator's logo as a picture; nil where there is none or it
// can't be drawn.
func decoded(l *brand.Logo) image.Image {
	if l == nil {
		return nil
	}
	decode := png.Decode
	if l.Type == "image/webp" {
		decode = webp.Decode
	}
	picture, err := decode(bytes.NewReader(l.Body))
	if err != nil {
		return nil
	}
	return picture
}

// placeLogo sets a logo where the sign would stand, at most four times as large as
// it is.
func placeLogo(to draw.Image, logo image.Image) {
	const high, wide, most = 160.0, cardWidth - 2*cardMargin, 4.0
	size := logo.Bounds().Size()
	scale := min(high/float64(size.Y), wide/float64(size.X), most)
	at := image.Rect(0, 0, int(float64(size.X)*scale), int(float64(size.Y)*scale)).Add(image.Pt(cardMargin, 128))
	xdraw.CatmullRom.Scale(to, at, logo, logo.Bounds(), draw.Over, nil)
}

// drawMark draws the panel's own sign, which ui.Mark draws in pages.
func drawMark(to draw.Image, at image.Point, size int, ground, line color.Color) {
	unit := float64(size) / 20 // ui.Mark's square is 20 units wide and begins at 2
	r := vector.NewRasterizer(size, size)
	roundedSquare(r, float32(size), float32(5.5*unit))
	r.Draw(to, image.Rectangle{at, at.Add(image.Pt(size, size))}, image.NewUniform(ground), image.Point{})
	r.Reset(size, size)
	path := [][2]float64{{8, 17}, {8, 7.5}, {16, 16.5}, {16, 7}}
	for i := 1; i < len(path); i++ {
		capsule(r, path[i-1], path[i], unit)
	}
	r.Draw(to, image.Rectangle{at, at.Add(image.Pt(size, size))}, image.NewUniform(line), image.Point{})
}

func roundedSquare(r *vector.Rasterizer, size, radius float32) {
	const bend = 0.5523 // of a circle's quarter by a curve
	near := radius * (1 - bend)
	r.MoveTo(radius, 0)
	r.LineTo(size-radius, 0)
	r.CubeTo(size-near, 0, size, near, size, radius)
	r.LineTo(size, size-radius)
	r.CubeTo(size, size-near, size-near, size, size-radius, size)
	r.LineTo(radius, size)
	r.CubeTo(near, size, 0, size-near, 0, size-radius)
	r.LineTo(0, radius)
	r.CubeTo(0, near, near, 0, radius, 0)
	r.ClosePath()
}

// capsule is a line with round ends, between two points of ui.Mark's drawing.
func capsule(r *vector.Rasterizer, from, to [2]float64, unit float64) {
	const half, origin, steps = 1.1, 2, 24
	along := math.Atan2(to[1]-from[1], to[0]-from[0])
	for i := range 2 * (steps + 1) {
		centre, angle := to, along-math.Pi/2+math.Pi*float64(i)/steps
		if i > steps {
			centre, angle = from, along+math.Pi/2+math.Pi*float64(i-steps-1)/steps
		}
		x := float32((centre[0] - origin + half*math.Cos(angle)) * unit)
		y := float32((centre[1] - origin + half*math.Sin(angle)) * unit)
		if i == 0 {
			r.MoveTo(x, y)
		} else {
			r.LineTo(x, y)
		}
	}
	r.ClosePath()
}

// letters are the fonts, in the order in which they are looked into.
func letters() (all []*sfnt.Font, err error) {
	for _, name := range []string{"latin", "latin-ext", "cyrillic", "greek"} {
		content, err := fontFiles.ReadFile("fonts/inter-" + name + "-600.ttf")
		if err != nil {
			return nil, fmt.Errorf("the card's letters: %w", err)
		}
		f, err := opentype.Parse(content)
		if err != nil {
			return nil, fmt.Errorf("the card's letters: %w", err)
		}
		all = append(all, f)
	}
	return all, nil
}

// write writes a name as large as it fits.
func write(to draw.Image, name string, base int) error {
	fonts, err := letters()
	if err != nil {
		return err
	}
	which, known := fontsFor(fonts, name)
	if !known {
		return nil
	}
	const largest, step = 120.0, 4.0
	for size := largest; size > step; size -= step {
		w := writing{text: name, which: which, size: size}
		if w.faces, err = facesOf(fonts, size); err != nil {
			return err
		}
		if w.draw(nil, image.Point{}) <= cardWidth-2*cardMargin {
			w.draw(to, image.Pt(cardMargin, base))
			break
		}
	}
	return nil
}

// fontsFor returns the font of each letter; known is false where one is in none.
func fontsFor(fonts []*sfnt.Font, name string) (which []int, known bool) {
	var b sfnt.Buffer
	for _, r := range name {
		found := -1
		for i, f := range fonts {
			if glyph, err := f.GlyphIndex(&b, r); err == nil && glyph != 0 {
				found = i
				break
			}
		}
		if found < 0 {
			return nil, false
		}
		which = append(which, found)
	}
	return which, true
}

func facesOf(fonts []*sfnt.Font, size float64) (faces []font.Face, err error) {
	for _, f := range fonts {
		face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
		if err != nil {
			return nil, fmt.Errorf("the card's letters: %w", err)
		}
		faces = append(faces, face)
	}
	return faces, nil
}

// writing is a line of letters.
type writing struct {
	text  string
	which []int // the face of each letter
	faces []font.Face
	size  float64
}

// draw draws the letters from a point on and returns how wide they are; without a
// picture it only measures.
func (w writing) draw(to draw.Image, at image.Point) int {
	const tight = 0.028 // of the size: large letters stand closer
	ink := image.NewUniform(color.RGBA{0x17, 0x1f, 0x1f, 0xff})
	dot := fixed.P(at.X, at.Y)
	for i, r := range []rune(w.text) {
		face := w.faces[w.which[i]]
		if to != nil {
			if area, mask, from, _, ok := face.Glyph(dot, r); ok {
				draw.DrawMask(to, area, ink, image.Point{}, mask, from, draw.Over)
			}
		}
		advance, _ := face.GlyphAdvance(r)
		dot.X += advance - fixed.Int26_6(w.size*tight*64)
	}
	return (dot.X - fixed.I(at.X)).Ceil()
}
