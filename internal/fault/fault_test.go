package fault_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/notpanel/notpanel/internal/fault"
)

func TestHTTPStatusOfEachCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[fault.Code]int{
		fault.Invalid:           http.StatusBadRequest,
		fault.Unauthorized:      http.StatusBadRequest,
		fault.NotFound:          http.StatusBadRequest,
		fault.Conflict:          http.StatusBadRequest,
		fault.InsufficientFunds: http.StatusBadRequest,
		fault.Forbidden:         http.StatusForbidden,
		fault.MethodNotAllowed:  http.StatusMethodNotAllowed,
		fault.TooLarge:          http.StatusRequestEntityTooLarge,
		fault.RateLimited:       http.StatusTooManyRequests,
		fault.Unavailable:       http.StatusServiceUnavailable,
		fault.Internal:          http.StatusInternalServerError,
		"":                      http.StatusInternalServerError,
		"no such code":          http.StatusInternalServerError,
	} {
		if got := code.HTTPStatus(); got != want {
			t.Errorf("%q is answered with %d, want %d", code, got, want)
		}
	}
}

func TestFromFindsTheFaultInside(t *testing.T) {
	t.Parallel()
	inner := fault.New(fault.NotFound, "Service not found")
	got := fault.From(fmt.Errorf("order: %w", fmt.Errorf("place: %w", inner)))
	if got != inner {
		t.Errorf("From = %+v, want the fault that was wrapped", got)
	}
}

func TestFromHidesTheTextOfOtherErrors(t *testing.T) {
	t.Parallel()
	got := fault.From(io.ErrUnexpectedEOF)
	if got.Code != fault.Internal || got.Text != "Internal error" {
		t.Errorf("From = %q %q", got.Code, got.Text)
	}
	if !errors.Is(got, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost for the log")
	}
}

func TestIsComparesTheCode(t *testing.T) {
	t.Parallel()
	wrapped := fmt.Errorf("order: %w", fault.New(fault.Conflict, "Already canceled"))
	for _, c := range []struct {
		err  error
		code fault.Code
		want bool
	}{
		{wrapped, fault.Conflict, true},
		{wrapped, fault.NotFound, false},
		{io.EOF, fault.Internal, false},
		{nil, fault.Internal, false},
		// The outermost fault decides: it is the one that is shown.
		{fault.Wrap(fault.Unavailable, "Try again later", wrapped), fault.Unavailable, true},
		{fault.Wrap(fault.Unavailable, "Try again later", wrapped), fault.Conflict, false},
	} {
		if got := fault.Is(c.err, c.code); got != c.want {
			t.Errorf("Is(%v, %q) = %v", c.err, c.code, got)
		}
	}
}

func TestErrorTextIsPublicTextThenCause(t *testing.T) {
	t.Parallel()
	if got := fault.Newf(fault.Invalid, "at most %d ids", 100).Error(); got != "at most 100 ids" {
		t.Errorf("without a cause: %q", got)
	}
	err := fault.Wrap(fault.Unavailable, "Try again later", io.EOF)
	if got := err.Error(); got != "Try again later: EOF" {
		t.Errorf("with a cause: %q", got)
	}
	if err.Text != "Try again later" {
		t.Errorf("public text: %q", err.Text)
	}
}
