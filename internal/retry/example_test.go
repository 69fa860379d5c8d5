package retry_test

import (
	"context"
	"errors"
	"fmt"

	"quantix/internal/retry"
)

// A transaction that lost against another one is sent again; every other error is final.
func ExampleDo() {
	errLost := errors.New("lost against another one")
	tries := 0
	err := retry.Do(context.Background(), func(err error) bool { return errors.Is(err, errLost) }, func() error {
		if tries++; tries < 3 {
			return errLost
		}
		return nil
	})
	fmt.Println(tries, "tries:", err)
	// Output: 3 tries: <nil>
}
