package pages_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// beside clicks next to the dialog.
func (w *walker) beside() {
	w.t.Helper()
	if err := w.Tab().Do("click beside the dialog", chromedp.MouseClickXY(5, 5)); err != nil {
		w.t.Fatal(err)
	}
}

// A click beside a dialog closes it, unless something would be lost with it: what
// was typed, or a key's value, which is shown once. Escape does not close that
// either.
func TestDialogLosesNothing(t *testing.T) {
	t.Parallel()
	w := walk(t, true)
	w.follow("[href='" + keysPage + "/keys/new']")
	w.Wait("#dialog [name=name]")
	w.Click("#dialog h1")
	w.beside()
	w.Gone("#dialog")
	w.follow("[href='" + keysPage + "/keys/new']")
	w.Fill("[name=name]", "Winter shop")
	w.beside()
	w.Fill("[name=password]", password)
	if name := w.Value("#dialog [name=name]"); name != "Winter shop" {
		t.Errorf("after a click beside the form its name is %q", name)
	}
	w.send("/keys")
	value := w.Text("#key-value")
	w.beside()
	w.Press(kb.Escape)
	if got := w.Text("#key-value"); got != value {
		t.Errorf("after a click beside and Escape the value is %q", got)
	}
	w.close()
	w.Gone("#dialog")
}

// The buttons of a dialog that is higher than the window are in sight at once, and
// nothing that is to be filled in hides behind them.
func TestButtonsOfAHighDialogAreInSight(t *testing.T) {
	t.Parallel()
	w := walk(t, true)
	if err := w.Tab().Viewport(390, 600, true); err != nil {
		t.Fatal(err)
	}
	w.follow("[href='" + keysPage + "/keys/new']")
	w.Wait("#dialog [name=name]")
	if seen := w.Eval(`(() => { const b = document.querySelector("#dialog form [type=submit]").getBoundingClientRect();
		return document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2)?.type })()`); seen != "submit" {
		t.Errorf("where the button should be there is %q", seen)
	}
	w.Expect("status 422: POST " + keysPage + "/keys")
	w.send("/keys")
	w.Wait("#dialog #password-error")
	if seen := w.Eval(`(() => { const field = document.activeElement, b = field.getBoundingClientRect();
		return document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2) === field ? field.name : "something else" })()`); seen != "password" {
		t.Errorf("on the field that is wrong there is %q", seen)
	}
}

// What a button of a dialog says is seen in front of it.
func TestNoticesStandInFrontOfTheDialog(t *testing.T) {
	t.Parallel()
	w := walk(t, true)
	w.follow("[href='" + keysPage + "/keys/new']")
	w.Fill("[name=password]", password)
	w.send("/keys")
	w.Click("[data-copy='#key-value']")
	w.Wait(".toast-box")
	if front := w.Eval(`(() => { const box = document.querySelector(".toast-box").getBoundingClientRect();
		return document.elementFromPoint(box.x + 5, box.y + 5).className })()`); front != "toast-box" {
		t.Errorf("in front of the notice stands %q", front)
	}
}

// A form in a dialog that gets no answer says so: the panel is busy, or can't be
// reached.
func TestDialogTellsThatNothingCame(t *testing.T) {
	t.Parallel()
	w := walk(t, true)
	w.Expect("htmx:error: no network")
	for what, fetch := range map[string]string{
		"busy": `async () => new Response("", {status: 503})`, "gone": `async () => { throw new TypeError("no network") }`,
	} {
		w.Open(keysPage)
		w.follow("[href='" + keysPage + "/keys/new']")
		w.Fill("[name=password]", password)
		w.Eval(`(() => { window.fetch = ` + fetch + `; return "" })()`)
		w.send("/keys")
		w.WaitText(".toast-box", "The panel is busy")
		if kept := w.Value("#dialog [name=password]"); kept != password {
			t.Errorf("%s: the form lost what was typed", what)
		}
	}
	if keys := w.keys(); len(keys) != 0 {
		t.Errorf("%d keys were made", len(keys))
	}
}

// What can't be shown in a dialog is told there, not as a page within the page.
func TestFailureInADialogIsAPart(t *testing.T) {
	t.Parallel()
	w := walk(t, true)
	w.Expect("status 404: GET " + keysPage + "/keys/none/revoke")
	w.Eval(`(() => { document.querySelector("[href='` + keysPage + `/keys/new']").setAttribute("hx-get", "` + keysPage + `/keys/none/revoke"); return "" })()`)
	w.Click("[href='" + keysPage + "/keys/new']")
	w.WaitText("#dialog", "Nothing is here")
	if frames := w.Eval(`String(document.querySelectorAll("#dialog header, #dialog footer").length)`); frames != "0" {
		t.Errorf("the dialog holds %s frames of a page", frames)
	}
	if a := w.panel.visitor().signIn(ann, password).get(keysPage + "/keys/none/revoke"); a.status != http.StatusNotFound {
		t.Errorf("without a dialog: %d", a.status)
	}
}
