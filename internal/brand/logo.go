package brand

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"os"
)

// Bounds of a logo's file.
const (
	// LogoMost is a file's largest size in bytes.
	LogoMost = 64 << 10
	// LogoHeight is how high pages show it, in CSS pixels.
	LogoHeight = 28

	logoWidest = 8    // times as wide as high
	logoPixels = 4096 // along a side
)

// Logo is the operator's picture beside the name.
type Logo struct {
	Asset

	width, height int // of the file
}

// Width returns how wide the logo is where it is LogoHeight high, in CSS pixels.
func (l Logo) Width() int { return max(1, (l.width*LogoHeight+l.height/2)/l.height) }

// ReadLogo reads and checks a logo's file: PNG or WebP, by what is in it.
func ReadLogo(file string) (l Logo, err error) {
	f, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		return l, fmt.Errorf("can't be read: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return l, errors.New("is no file")
	}
	body, err := io.ReadAll(io.LimitReader(f, LogoMost+1))
	if err != nil {
		return l, fmt.Errorf("can't be read: %w", err)
	}
	if len(body) > LogoMost {
		return l, fmt.Errorf("is larger than %d KiB", LogoMost>>10)
	}
	l.Asset = newAsset("logo", body, http.DetectContentType(body))
	switch l.Type {
	case "image/png":
		l.width, l.height, err = pngSize(body)
	case "image/webp":
		l.width, l.height, err = webpSize(body)
	default:
		return l, errors.New("must be a PNG or WebP picture (SVG can carry scripts and is refused)")
	}
	switch {
	case err != nil:
		return l, err
	case l.height < LogoHeight || l.width < 1:
		return l, fmt.Errorf("is %d × %d pixels and must be at least %d high", l.width, l.height, LogoHeight)
	case l.width > logoPixels || l.height > logoPixels:
		return l, fmt.Errorf("is %d × %d pixels and must have at most %d along a side", l.width, l.height, logoPixels)
	case l.width > logoWidest*l.height:
		return l, fmt.Errorf("is %d × %d pixels and must be at most %d times as wide as high", l.width, l.height, logoWidest)
	}
	return l, nil
}

func pngSize(body []byte) (width, height int, err error) {
	c, err := png.DecodeConfig(bytes.NewReader(body))
	if err != nil {
		return 0, 0, ErrLogoDamaged
	}
	return c.Width, c.Height, nil
}

// webpSize reads the size from the header, of which there are three kinds:
// https://developers.google.com/speed/webp/docs/riff_container
func webpSize(body []byte) (width, height int, err error) {
	const header = 30
	if len(body) < header || string(body[:4]) != "RIFF" || string(body[8:12]) != "WEBP" {
		return 0, 0, ErrLogoDamaged
	}
	switch chunk := body[20:]; string(body[12:16]) {
	case "VP8X": // 24 bits each, less one
		return 1 + int(uint24(chunk[4:])), 1 + int(uint24(chunk[7:])), nil
	case "VP8L": // 14 bits each, less one, behind a mark
		bits := binary.LittleEndian.Uint32(chunk[1:])
		if chunk[0] != 0x2f {
			return 0, 0, ErrLogoDamaged
		}
		return 1 + int(bits&0x3fff), 1 + int(bits>>14&0x3fff), nil
	case "VP8 ": // 14 bits each, behind a frame's tag and a mark
		if string(chunk[3:6]) != "\x9d\x01\x2a" {
			return 0, 0, ErrLogoDamaged
		}
		return int(binary.LittleEndian.Uint16(chunk[6:]) & 0x3fff), int(binary.LittleEndian.Uint16(chunk[8:]) & 0x3fff), nil
	}
	return 0, 0, ErrLogoDamaged
}

func uint24(b []byte) uint32 { return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 }
