package money_test

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/notpanel/notpanel/internal/money"
)

func amounts() *rapid.Generator[money.Amount] {
	return rapid.Custom(func(t *rapid.T) money.Amount {
		return money.Amount(rapid.Int64Range(-int64(money.Max), int64(money.Max)).Draw(t, "amount"))
	})
}

func TestParseReadsWhatStringPrints(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := amounts().Draw(t, "a")
		back, err := money.Parse(a.String())
		if err != nil || back != a {
			t.Fatalf("Parse(%q) = %d, %v; want %d", a.String(), back, err, a)
		}
	})
}

// ceilDiv is the reference: ceil(a*b/c), or false where the panel's range ends.
func ceilDiv(a, b, c int64) (money.Amount, bool) {
	n := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
	q, rest := new(big.Int).QuoRem(n, big.NewInt(c), new(big.Int))
	if rest.Sign() > 0 {
		q.Add(q, big.NewInt(1))
	}
	if q.Cmp(big.NewInt(int64(money.Max))) > 0 {
		return 0, false
	}
	return money.Amount(q.Int64()), true
}

func TestChargeIsTheExactCeiling(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Int64Range(0, math.MaxInt64).Draw(t, "rate")
		quantity := rapid.Int64Range(0, math.MaxInt64).Draw(t, "quantity")
		want, fits := ceilDiv(rate, quantity, 1000)
		got, err := money.Charge(money.Amount(rate), quantity)
		switch {
		case fits && (err != nil || got != want):
			t.Fatalf("Charge = %d, %v; want %d", got, err, want)
		case !fits && !errors.Is(err, money.ErrOverflow):
			t.Fatalf("Charge = %d, %v; want ErrOverflow", got, err)
		}
	})
}

func TestChargeOfTwoHalvesIsNeverLess(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := money.Amount(rapid.Int64Range(0, 1_000_000*int64(money.Unit)).Draw(t, "rate"))
		x := rapid.Int64Range(0, 100_000).Draw(t, "x")
		y := rapid.Int64Range(0, 100_000).Draw(t, "y")
		whole, err1 := money.Charge(rate, x+y)
		one, err2 := money.Charge(rate, x)
		other, err3 := money.Charge(rate, y)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		if one+other < whole {
			t.Fatalf("%d + %d < %d", one, other, whole)
		}
	})
}

func TestRefundIsTheExactFloor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		charge := rapid.Int64Range(0, math.MaxInt64).Draw(t, "charge")
		quantity := rapid.Int64Range(1, math.MaxInt64).Draw(t, "quantity")
		remains := rapid.Int64Range(0, quantity).Draw(t, "remains")
		want := new(big.Int).Mul(big.NewInt(charge), big.NewInt(remains))
		want.Quo(want, big.NewInt(quantity))
		got := money.Refund(money.Amount(charge), remains, quantity)
		if int64(got) != want.Int64() {
			t.Fatalf("Refund = %d, want %d", got, want)
		}
		if int64(got) > charge {
			t.Fatalf("Refund = %d above the charge %d", got, charge)
		}
	})
}

// However the remains of an order are split, what is refunded stays within the charge.
func TestRefundsOfASplitStayWithinTheCharge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		charge := money.Amount(rapid.Int64Range(0, int64(money.Max)).Draw(t, "charge"))
		parts := rapid.SliceOfN(rapid.Int64Range(0, 1_000_000), 1, 20).Draw(t, "parts")
		var quantity int64
		for _, p := range parts {
			quantity += p
		}
		var sum money.Amount
		for _, p := range parts {
			sum += money.Refund(charge, p, quantity)
		}
		if sum > charge {
			t.Fatalf("refunded %d of %d", sum, charge)
		}
	})
}

// foreign draws a decimal as another system may print it.
func foreign() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s := rapid.StringMatching(`-?[0-9]{1,12}(\.[0-9]{1,30})?`).Draw(t, "decimal")
		if rapid.Bool().Draw(t, "scientific") {
			s += "e" + strconv.Itoa(rapid.IntRange(-30, 3).Draw(t, "exponent"))
		}
		return s
	})
}

func TestParseUpIsTheNextMillionthAwayFromZero(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := foreign().Draw(t, "s")
		exact, ok := new(big.Rat).SetString(s)
		if !ok {
			t.Fatalf("the reference does not read %q", s)
		}
		exact.Abs(exact)
		got, err := money.ParseUp(s)
		if errors.Is(err, money.ErrOverflow) {
			if exact.Cmp(big.NewRat(int64(money.Max/money.Unit), 1)) <= 0 {
				t.Fatalf("ParseUp(%q): %v, but it fits", s, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("ParseUp(%q): %v", s, err)
		}
		if strings.HasPrefix(s, "-") {
			got = -got
		}
		over := new(big.Rat).Sub(big.NewRat(int64(got), int64(money.Unit)), exact)
		if over.Sign() < 0 || over.Cmp(big.NewRat(1, int64(money.Unit))) >= 0 {
			t.Fatalf("ParseUp(%q) = %d: %s above the exact value", s, got, over.FloatString(12))
		}
	})
}

func TestParseUpAgreesWithParseWhereThatIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`-?[0-9]{1,10}(\.[0-9]{1,8})?`).Draw(t, "s")
		want, err := money.Parse(s)
		if errors.Is(err, money.ErrTooFine) {
			return
		}
		got, errUp := money.ParseUp(s)
		if got != want || !errors.Is(errUp, err) {
			t.Fatalf("ParseUp(%q) = %d, %v; Parse says %d, %v", s, got, errUp, want, err)
		}
	})
}

func TestMarkupIsTheExactCeiling(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Range(0, int64(money.Max)).Draw(t, "a")
		p := rapid.Int64Range(0, 1000*int64(money.Unit)).Draw(t, "p")
		whole := 100 * int64(money.Unit)
		want, fits := ceilDiv(a, whole+p, whole)
		got, err := money.Markup(money.Amount(a), money.Percent(p))
		if fits != (err == nil) || got != want {
			t.Fatalf("Markup = %d, %v; want %d", got, err, want)
		}
	})
}
