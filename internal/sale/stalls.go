package sale

import "quantix/internal/models"

// giveTryBack gives back the try that was counted when a charge was taken up. What was certain of earlier ones stays
// so, unless one of them is still under way.
func giveTryBack(c *models.Charge, r models.Result, try int) {
	if c.Status == models.ChargeStarted && r.Stall == models.StallLocked {
		c.Status = models.ChargeDoubtful
	}
	if c.Status.Trying() && lastTry(c.Attempts, try) {
		c.Attempts = max(c.Attempts-1, 0)
	}
}

// lastTry reports whether a try is still the one that was counted last. Decided again, after a commit whose answer was
// lost, a stall finds that its own was given back.
func lastTry(attempts, try int) bool { return try == 0 || try == attempts }
