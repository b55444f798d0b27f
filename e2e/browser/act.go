package browser

import (
	"encoding/json"
	"fmt"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// found begins an expression: the first element that the selector finds is e.
func found(css string) string {
	return fmt.Sprintf(`const e = document.querySelector(%s); if (!e || !e.checkVisibility({visibilityProperty: true})) return null;`, quoted(css))
}

func quoted(text string) string {
	literal, err := json.Marshal(text)
	if err != nil {
		panic(err) // texts always have a JSON form
	}
	return string(literal)
}

// Wait waits until the element is there to be seen.
func (t *Tab) Wait(css string) error {
	return t.until("wait for "+css, `(() => {`+found(css)+` return true; })() === true`)
}

// WaitText waits until the element's text holds a text.
func (t *Tab) WaitText(css, text string) error {
	return t.until(fmt.Sprintf("wait for %q in %s", text, css),
		`(() => {`+found(css)+` return e.innerText.includes(`+quoted(text)+`); })() === true`)
}

// Gone waits until no such element is seen.
func (t *Tab) Gone(css string) error {
	return t.until("wait until "+css+" is gone", `(() => {`+found(css)+` return true; })() !== true`)
}

// point is where to click.
type point struct{ X, Y float64 }

// reach waits until the element can be clicked: it is seen, enabled, and nothing
// lies over it. It scrolls there and returns its middle.
func (t *Tab) reach(css string) (point, error) {
	expression := `(() => {` + found(css) + `
		if (e.matches(':disabled')) return null;
		e.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
		const box = e.getClientRects()[0];
		if (!box) return null;
		const at = {X: box.left + box.width / 2, Y: box.top + box.height / 2};
		const hit = document.elementFromPoint(at.X, at.Y);
		return hit && (e.contains(hit) || hit.contains(e) || hit.closest('label')?.control === e) ? at : null;
	})()`
	if err := t.until("reach "+css+" (seen, enabled, not covered)", expression+` !== null`); err != nil {
		return point{}, err
	}
	return Ask[point](t, "reach "+css, expression)
}

// Click clicks with the mouse.
func (t *Tab) Click(css string) error {
	at, err := t.reach(css)
	if err != nil {
		return err
	}
	return t.Do("click "+css, chromedp.MouseClickXY(at.X, at.Y))
}

// Submit clicks on what leads to another page and waits until that is whole.
func (t *Tab) Submit(css string) error {
	at, err := t.reach(css)
	if err != nil {
		return err
	}
	return t.arrive("click "+css, chromedp.MouseClickXY(at.X, at.Y))
}

// Fill clicks into a field and types in place of what was there.
func (t *Tab) Fill(css, text string) error {
	if err := t.Click(css); err != nil {
		return err
	}
	steps := []chromedp.Action[chromedp.Void]{
		command(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Commands: []string{"selectAll"}}),
		chromedp.KeyEvent(kb.Backspace),
	}
	if text != "" {
		steps = append(steps, chromedp.KeyEvent(text))
	}
	return t.Do("fill "+css, steps...)
}

// Choose picks the option of a select element by its text, by typing it.
func (t *Tab) Choose(css, option string) error {
	if _, err := t.reach(css); err != nil {
		return err
	}
	return t.Do("choose "+option+" in "+css, chromedp.Focus(chromedp.CSS(css)), chromedp.KeyEvent(option))
}

// Upload picks a file for a field that takes one.
func (t *Tab) Upload(css, file string) error {
	if err := t.Wait(css); err != nil {
		return err
	}
	return t.Do("upload to "+css, chromedp.SetUploadFiles(chromedp.CSS(css), []string{file}))
}

// Press presses keys where the focus is: letters, and the others of package kb.
func (t *Tab) Press(keys string, modifiers ...chromedp.Modifier) error {
	return t.Do(fmt.Sprintf("press %q", keys), chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

// Text waits for the element and returns its text as it is seen.
func (t *Tab) Text(css string) (string, error) { return t.of(css, "innerText") }

// Value waits for the field and returns what stands in it.
func (t *Tab) Value(css string) (string, error) { return t.of(css, "value") }

func (t *Tab) of(css, property string) (string, error) {
	if err := t.Wait(css); err != nil {
		return "", err
	}
	return Ask[string](t, property+" of "+css, `document.querySelector(`+quoted(css)+`).`+property)
}
