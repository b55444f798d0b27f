package ui

import (
	"fmt"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// QR is a text as a square of dark and light modules.
type QR struct {
	size int
	path string
}

// NewQR draws a text. One of some hundred characters fits.
func NewQR(text string) (QR, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return QR{}, fmt.Errorf("draw a QR code: %w", err)
	}
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; {
			run := 0
			for x+run < size {
				if r, _, _, _ := code.At(x+run, y).RGBA(); r != 0 {
					break
				}
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x, y, run, run)
			}
			x += run + 1
		}
	}
	return QR{size: size, path: path.String()}, nil
}

// Piece is a part of a text, with where it leads.
type Piece struct {
	Text string
	Path string // "" leads nowhere
}

// Pieces cuts a text of the language files at its links, which are written
// [label](/path).
func Pieces(text string) (all []Piece) {
	for text != "" {
		before, rest, _ := strings.Cut(text, "[")
		label, behind, linked := strings.Cut(rest, "](")
		path, after, closed := strings.Cut(behind, ")")
		if !linked || !closed {
			return append(all, Piece{Text: text})
		}
		if before != "" {
			all = append(all, Piece{Text: before})
		}
		all = append(all, Piece{Text: label, Path: path})
		text = after
	}
	return all
}

// OptionGroup is options under a heading.
type OptionGroup struct {
	Label   string // "": they stand alone
	Options []Option
}
