package staff_test

import (
	"testing"

	"github.com/notpanel/notpanel/internal/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }
