package brand

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // one of the forms that are taken
	"image/png"
	"net/http"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // one of the forms that are taken
)

// Bounds of a picture that somebody uploads.
const (
	// UploadMost is its largest size in bytes.
	UploadMost = 256 << 10

	uploadPixels = 4 << 20 // in all: what decoding may take of memory
	keptHeight   = 224     // pixels: enough for a screen of eight for one
)

// Why a picture is no logo.
var (
	ErrLogoLarge   = errors.New("is larger than a logo may be")
	ErrLogoKind    = errors.New("must be a PNG, JPEG or WebP picture (SVG can carry scripts and is refused)")
	ErrLogoDamaged = errors.New("is a damaged picture")
	ErrLogoSmall   = fmt.Errorf("must be at least %d pixels high", LogoHeight)
	ErrLogoPixels  = fmt.Errorf("must have at most %d pixels along a side, and %d in all", logoPixels, uploadPixels)
	ErrLogoWide    = fmt.Errorf("must be at most %d times as wide as high", logoWidest)
)

// NewLogo makes a logo of a picture that was uploaded. What is kept is drawn anew from
// its pixels: nothing else that a file can carry comes to a page. Its errors are
// those above.
func NewLogo(upload []byte) (Logo, error) {
	if len(upload) > UploadMost {
		return Logo{}, ErrLogoLarge
	}
	switch http.DetectContentType(upload) {
	case "image/png", "image/jpeg", "image/webp":
	default:
		return Logo{}, ErrLogoKind
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(upload))
	switch {
	case err != nil:
		return Logo{}, ErrLogoDamaged
	case size.Height < LogoHeight || size.Width < 1:
		return Logo{}, ErrLogoSmall
	case size.Width > logoPixels || size.Height > logoPixels || size.Width*size.Height > uploadPixels:
		return Logo{}, ErrLogoPixels
	case size.Width > logoWidest*size.Height:
		return Logo{}, ErrLogoWide
	}
	picture, _, err := image.Decode(bytes.NewReader(upload))
	if err != nil {
		return Logo{}, ErrLogoDamaged
	}
	for high := min(keptHeight, size.Height); high >= LogoHeight; high = high * 3 / 4 {
		body, err := drawn(picture, high)
		if err != nil {
			return Logo{}, err
		}
		if len(body) <= UploadMost {
			return StoredLogo(body)
		}
	}
	return Logo{}, ErrLogoLarge
}

// StoredLogo is the logo of bytes that NewLogo returned before.
func StoredLogo(body []byte) (l Logo, err error) {
	l.Asset = newAsset("logo", body, "image/png")
	if l.width, l.height, err = pngSize(body); err != nil {
		return l, err
	}
	if l.height < 1 {
		return l, ErrLogoDamaged
	}
	return l, nil
}

// drawn draws a picture so many pixels high, as PNG.
func drawn(picture image.Image, high int) ([]byte, error) {
	from := picture.Bounds()
	to := image.NewNRGBA(image.Rect(0, 0, max(1, from.Dx()*high/from.Dy()), high))
	if to.Rect.Size() == from.Size() {
		draw.Draw(to, to.Rect, picture, from.Min, draw.Src)
	} else {
		draw.CatmullRom.Scale(to, to.Rect, picture, from, draw.Src, nil)
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, to); err != nil {
		return nil, fmt.Errorf("draw the logo: %w", err)
	}
	return b.Bytes(), nil
}
