package settings

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/web/proof"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// MaxLogoForm bounds the form of a logo, in bytes: its file and what stands beside it.
const MaxLogoForm = brand.UploadMost + 64<<10

// AskLogo shows the form of the logo.
func (p *Pages) AskLogo(w http.ResponseWriter, r *http.Request) error {
	return p.open(w, r, p.logoForm())
}

func (p *Pages) logoForm() ui.ShowForm {
	return p.shown("settings.logo_title", func(now *panel.Current, asked proof.Asked, f *ui.Form) templ.Component {
		return logoForm(now, asked, f)
	})
}

// SetLogo takes a picture for the logo, or takes the logo away.
func (p *Pages) SetLogo(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	if f.Value("none") != "" {
		return p.save(w, r, f, p.logoForm(), map[panel.Key]*string{panel.Logo: new("")}, "saved")
	}
	upload, err := sentFile(r)
	if err != nil {
		return err
	}
	logo, err := brand.NewLogo(upload)
	if err != nil {
		f.Refuse("logo", ui.T(r.Context(), "settings.error_logo_"+logoProblem(err, len(upload)), "Most", brand.UploadMost>>10))
		return p.logoForm()(w, r, http.StatusUnprocessableEntity, f)
	}
	return p.save(w, r, f, p.logoForm(), map[panel.Key]*string{panel.Logo: new(panel.LogoValue(logo))}, "saved")
}

// logoProblem names why a picture is no logo.
func logoProblem(err error, size int) string {
	switch {
	case size == 0:
		return "none"
	case errors.Is(err, brand.ErrLogoLarge):
		return "large"
	case errors.Is(err, brand.ErrLogoKind):
		return "kind"
	case errors.Is(err, brand.ErrLogoSmall):
		return "small"
	case errors.Is(err, brand.ErrLogoPixels):
		return "pixels"
	case errors.Is(err, brand.ErrLogoWide):
		return "wide"
	}
	return "damaged"
}

// sentFile is the picture in a form, as far as it may be large; nil where there is
// none.
func sentFile(r *http.Request) (body []byte, err error) {
	if r.MultipartForm == nil || len(r.MultipartForm.File["logo"]) == 0 {
		return nil, nil
	}
	return readFile(r.MultipartForm.File["logo"][0])
}

func readFile(h *multipart.FileHeader) (body []byte, err error) {
	file, err := h.Open()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "The file can't be read", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if body, err = io.ReadAll(io.LimitReader(file, brand.UploadMost+1)); err != nil {
		return nil, fault.Wrap(fault.Invalid, "The file can't be read", err)
	}
	return body, nil
}
