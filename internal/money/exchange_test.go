package money

import (
	"errors"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// An exchange rate is read exactly or not at all, and is written as it was read.
func TestParseExchange(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]struct {
		rate Exchange
		text string
		err  error
	}{
		"1":                {Par, "1", nil},
		"1.0842":           {1_084_200_000, "1.0842", nil},
		"0.000000001":      {1, "0.000000001", nil},
		"110.50":           {110_500_000_000, "110.5", nil},
		"1000000":          {maxExchange, "1000000", nil},
		"1000000.1":        {err: ErrOverflow},
		"0":                {err: ErrOverflow},
		"0.0000000001":     {err: ErrTooFine},
		"99999999999999.0": {err: ErrOverflow},
		"-1":               {err: ErrMalformed},
		"":                 {err: ErrMalformed},
		"1.":               {err: ErrMalformed},
		"1e3":              {err: ErrMalformed},
		"1,5":              {err: ErrMalformed},
	} {
		got, err := ParseExchange(said)
		if got != want.rate || !errors.Is(err, want.err) {
			t.Errorf("%q is %d, %v; want %d, %v", said, got, err, want.rate, want.err)
		}
		if want.err == nil && got.String() != want.text {
			t.Errorf("%q is written %q", said, got)
		}
	}
}

// A foreign cost is the exact product, rounded up, whatever the figures are; and
// a rate that is higher never makes it cheaper.
func TestExchangeCostIsTheExactProductRoundedUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		foreign := Amount(rapid.Int64Range(0, int64(Max)).Draw(t, "foreign"))
		rate := Exchange(rapid.Int64Range(1, int64(maxExchange)).Draw(t, "rate"))
		product := new(big.Int).Mul(big.NewInt(int64(foreign)), big.NewInt(int64(rate)))
		want, rest := new(big.Int).QuoRem(product, big.NewInt(int64(Par)), new(big.Int))
		if rest.Sign() > 0 {
			want.Add(want, big.NewInt(1))
		}
		got, err := rate.Cost(foreign)
		if want.Cmp(big.NewInt(int64(Max))) > 0 {
			if !errors.Is(err, ErrOverflow) {
				t.Fatalf("%d at %d: %d, %v", foreign, rate, got, err)
			}
			return
		}
		if err != nil || big.NewInt(int64(got)).Cmp(want) != 0 {
			t.Fatalf("%d at %d is %d, %v; want %s", foreign, rate, got, err, want)
		}
		if more, err := (rate + 1).Cost(foreign); err == nil && more < got {
			t.Fatalf("%d costs %d at %d and %d at more", foreign, got, rate, more)
		}
		again, err := ParseExchange(rate.String())
		if err != nil || again != rate {
			t.Fatalf("%d is written %s and read as %d, %v", rate, rate, again, err)
		}
	})
}

// The package's own quantity, charged at the cost per 1,000, costs the package's
// price, and less than a thousandth part of a millionth per unit more.
func TestPerThousandCoversThePackage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		price := Amount(rapid.Int64Range(0, int64(1000*Unit)).Draw(t, "price"))
		quantity := rapid.Int64Range(1, 1_000_000).Draw(t, "quantity")
		per, err := PerThousand(price, quantity)
		if err != nil {
			t.Fatal(err)
		}
		charged, err := Charge(per, quantity)
		if err != nil || charged < price || int64(charged-price) > quantity/perRate+1 {
			t.Fatalf("a package of %d for %d is charged %d, %v", quantity, price, charged, err)
		}
	})
	if _, err := PerThousand(Unit, 0); !errors.Is(err, ErrOverflow) {
		t.Errorf("a package of nothing: %v", err)
	}
}
