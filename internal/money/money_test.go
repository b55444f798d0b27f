package money_test

import (
	"errors"
	"math"
	"testing"

	"github.com/notpanel/notpanel/internal/money"
)

func TestStringHasTwoToSixDecimals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount money.Amount
		want   string
	}{
		{0, "0.00"},
		{1, "0.000001"},
		{10_000, "0.01"},
		{278_190, "0.27819"},
		{500_000, "0.50"},
		{money.Unit, "1.00"},
		{1_234_567, "1.234567"},
		{-1, "-0.000001"},
		{-3_250_000, "-3.25"},
		{money.Max, "1000000000.00"},
		{math.MaxInt64, "9223372036854.775807"},
		{math.MinInt64, "-9223372036854.775808"},
	} {
		if got := c.amount.String(); got != c.want {
			t.Errorf("Amount(%d).String() = %q, want %q", int64(c.amount), got, c.want)
		}
	}
}

func TestParseIsExactOrRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want money.Amount
		err  error
	}{
		{"12", 12 * money.Unit, nil},
		{"0.5", 500_000, nil},
		{"-3.25", -3_250_000, nil},
		{"0.000001", 1, nil},
		{"00012.500000000", 12_500_000, nil},
		{"-0", 0, nil},
		{"1000000000", money.Max, nil},
		{"-1000000000.000000", -money.Max, nil},
		{"1000000000.000001", 0, money.ErrOverflow},
		{"9999999999", 0, money.ErrOverflow},
		{"10000000000", 0, money.ErrOverflow},
		{"99999999999999999999999999", 0, money.ErrOverflow},
		{"0.0000001", 0, money.ErrTooFine},
		{"", 0, money.ErrMalformed},
		{"-", 0, money.ErrMalformed},
		{".", 0, money.ErrMalformed},
		{".5", 0, money.ErrMalformed},
		{"5.", 0, money.ErrMalformed},
		{"--5", 0, money.ErrMalformed},
		{"+5", 0, money.ErrMalformed},
		{"1.2.3", 0, money.ErrMalformed},
		{"1,000", 0, money.ErrMalformed},
		{"1e3", 0, money.ErrMalformed},
		{" 5", 0, money.ErrMalformed},
		{"0x10", 0, money.ErrMalformed},
		{"١٢", 0, money.ErrMalformed},
		{"NaN", 0, money.ErrMalformed},
	} {
		got, err := money.Parse(c.in)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("Parse(%q) = %d, %v; want %d, %v", c.in, got, err, c.want, c.err)
		}
	}
}

func TestParseUpReadsWhatOthersWrite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want money.Amount
		err  error
	}{
		{"0.9", 900_000, nil},
		{".5", 500_000, nil},
		{"5.", 5 * money.Unit, nil},
		{"+5", 5 * money.Unit, nil},
		{"-5.5", -5_500_000, nil},
		{"1e3", 1000 * money.Unit, nil},
		{"1E+3", 1000 * money.Unit, nil},
		{"1.5e-05", 15, nil},
		{"0.0000001", 1, nil},
		{"-0.0000001", -1, nil},
		{"0.27819000000000001", 278_191, nil},
		{"0.1000000000000000055511151231257827021181583404541015625", 100_001, nil},
		{"1e-99", 1, nil},
		{"0e99", 0, nil},
		{"1000000000", money.Max, nil},
		{"1000000000.0000001", 0, money.ErrOverflow},
		{"1e99", 0, money.ErrOverflow},
		{"-1e99", 0, money.ErrOverflow},
		{"1e100", 0, money.ErrMalformed},
		{"1e999999999", 0, money.ErrMalformed},
		{"", 0, money.ErrMalformed},
		{".", 0, money.ErrMalformed},
		{"e5", 0, money.ErrMalformed},
		{"1e", 0, money.ErrMalformed},
		{"1e5e5", 0, money.ErrMalformed},
		{"+-5", 0, money.ErrMalformed},
		{"-+5", 0, money.ErrMalformed},
		{"1e+-5", 0, money.ErrMalformed},
		{"1e-+5", 0, money.ErrMalformed},
		{"1_000", 0, money.ErrMalformed},
		{"Infinity", 0, money.ErrMalformed},
	} {
		got, err := money.ParseUp(c.in)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("ParseUp(%q) = %d, %v; want %d, %v", c.in, got, err, c.want, c.err)
		}
	}
}

func TestChargeRoundsUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate     money.Amount
		quantity int64
		want     money.Amount
		err      error
	}{
		{900_000, 1000, 900_000, nil},
		{900_000, 1, 900, nil},
		{1, 1, 1, nil},
		{1, 1000, 1, nil},
		{1, 1001, 2, nil},
		{278_190, 333, 92_638, nil},
		{0, 1_000_000, 0, nil},
		{900_000, 0, 0, nil},
		{money.Max, 1000, money.Max, nil},
		{money.Max, 1001, 0, money.ErrOverflow},
		{math.MaxInt64, math.MaxInt64, 0, money.ErrOverflow},
		{-1, 1000, 0, money.ErrOverflow},
		{1000, -1, 0, money.ErrOverflow},
		// The quotient is the largest 64-bit number with a rest: one more is zero.
		{15_500, 1_190_112_520_884_487_201, 0, money.ErrOverflow},
	} {
		got, err := money.Charge(c.rate, c.quantity)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("Charge(%d, %d) = %d, %v; want %d, %v", c.rate, c.quantity, got, err, c.want, c.err)
		}
	}
}

func TestRefundRoundsDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		charge            money.Amount
		remains, quantity int64
		want              money.Amount
	}{
		{900_000, 500, 1000, 450_000},
		{1, 999, 1000, 0},
		{100, 1, 3, 33},
		{100, 0, 3, 0},
		{100, -1, 3, 0},
		{100, 3, 3, 100},
		{100, 4, 3, 100},
		{100, 1, 0, 0},
		{-100, 1, 3, 0},
		{math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64, math.MaxInt64 - 1},
	} {
		if got := money.Refund(c.charge, c.remains, c.quantity); got != c.want {
			t.Errorf("Refund(%d, %d, %d) = %d, want %d", c.charge, c.remains, c.quantity, got, c.want)
		}
	}
}

func TestMarkupRoundsUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount  money.Amount
		percent string
		want    money.Amount
		err     error
	}{
		{1_000_000, "20", 1_200_000, nil},
		{1_000_000, "20%", 1_200_000, nil},
		{1_000_000, " 12.5 % ", 1_125_000, nil},
		{1, "0.000001", 2, nil},
		{1_000_000, "0", 1_000_000, nil},
		{1_000_000, "-20", 800_000, nil},
		{1_000_000, "-100", 0, nil},
		{1_000_000, "-101", 0, money.ErrOverflow},
		{money.Max, "1", 0, money.ErrOverflow},
	} {
		p, err := money.ParsePercent(c.percent)
		if err != nil {
			t.Errorf("ParsePercent(%q): %v", c.percent, err)
			continue
		}
		got, err := money.Markup(c.amount, p)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("Markup(%d, %q) = %d, %v; want %d, %v", c.amount, c.percent, got, err, c.want, c.err)
		}
	}
	if _, err := money.Markup(money.Unit, math.MaxInt64); !errors.Is(err, money.ErrOverflow) {
		t.Errorf("the largest percentage: %v, want ErrOverflow", err)
	}
}

func TestParsePercentRefusesWhatIsNotOne(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "%", "20%%", "% 20", "a"} {
		if p, err := money.ParsePercent(in); err == nil {
			t.Errorf("ParsePercent(%q) = %d, want an error", in, p)
		}
	}
}
