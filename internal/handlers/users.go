package handlers

import (
	"context"
	"net/http"
	"time"

	"quantix/internal/models"
	"quantix/internal/services"
)

const usersPath = apiPath + "/users"

// userBody is a user as it is answered.
type userBody struct {
	ID        models.UserID `json:"id"`
	Name      string        `json:"name" example:"John Doe"`
	Email     string        `json:"email" example:"john@example.com"`
	CreatedAt time.Time     `json:"created_at"`
	UpdatedAt time.Time     `json:"updated_at"`
}

func toUser(u models.User) userBody {
	return userBody{ID: u.ID, Name: u.Name, Email: u.Email, CreatedAt: u.CreatedAt.UTC(), UpdatedAt: u.UpdatedAt.UTC()}
}

// userCreate is the body of POST /users.
type userCreate struct {
	Name  string `json:"name" minLength:"1" maxLength:"255" example:"John Doe"`
	Email string `json:"email" format:"email" maxLength:"254" doc:"Nobody else's, in any case." example:"john@example.com"`
}

func (b *userCreate) read(f *form) {
	b.Name, _ = f.text("name", required)
	b.Email, _ = f.text("email", required)
}

func (b *userCreate) checkRules() error {
	_, err := models.NewUser(b.Name, b.Email)
	return err
}

// userUpdate is the body of PUT /users/{id}, with what eventUpdate says.
type userUpdate struct {
	Name  *string `json:"name,omitempty" minLength:"1" maxLength:"255"`
	Email *string `json:"email,omitempty" format:"email" maxLength:"254"`

	ID        any `json:"id,omitempty" readOnly:"true" doc:"Ignored."`
	CreatedAt any `json:"created_at,omitempty" readOnly:"true" doc:"Ignored."`
	UpdatedAt any `json:"updated_at,omitempty" readOnly:"true" doc:"Ignored."`
}

func (b *userUpdate) read(f *form) {
	b.Name = ifSent(f.text("name", optional))
	b.Email = ifSent(f.text("email", optional))
	f.ignore("id", "created_at", "updated_at")
}

// The inputs and outputs of the operations on users.
type (
	userPath struct {
		ID models.UserID `path:"id" doc:"The user's id."`
	}
	usersInput struct {
		Paging
		Email string `query:"email" minLength:"1" maxLength:"254" doc:"Only the user who has this e-mail address, in any case: a list of one, or an empty one."`
	}
	userCreateInput struct {
		Body body[userCreate, *userCreate]
	}
	userUpdateInput struct {
		IfMatch
		ID   models.UserID `path:"id" doc:"The user's id."`
		Body body[userUpdate, *userUpdate]
	}
	userDeleteInput struct {
		IfMatch
		ID models.UserID `path:"id" doc:"The user's id."`
	}
	userOutput struct {
		ETag string `header:"ETag" doc:"The version, for If-Match."`
		Body userBody
	}
	userCreated struct {
		Location string `header:"Location" doc:"Where the user is."`
		ETag     string `header:"ETag" doc:"The version, for If-Match."`
		Body     userBody
	}
)

type users struct{ users *services.Users }

func (h *users) register(a *api) {
	notFound, taken, stale := models.ErrUserNotFound, models.ErrEmailTaken, models.ErrVersionMismatch
	register(a, operation{
		id: "list-users", method: http.MethodGet, path: usersPath, tag: "users", summary: "List users",
		detail: "In the order of their creation.", errors: []*models.Error{models.ErrInvalidCursor},
	}, h.list)
	register(a, operation{
		id: "create-user", method: http.MethodPost, path: usersPath, tag: "users", summary: "Register a user",
		detail: "Whoever books is a user.", status: http.StatusCreated, errors: []*models.Error{taken},
	}, h.create)
	register(a, operation{
		id: "get-user", method: http.MethodGet, path: usersPath + "/{id}", tag: "users", summary: "Read a user",
		detail: "Deleted users are not found.", errors: []*models.Error{notFound},
	}, h.get)
	register(a, operation{
		id: "update-user", method: http.MethodPut, path: usersPath + "/{id}", tag: "users", summary: "Change a user",
		detail: "Fields left out keep their value.", errors: []*models.Error{notFound, taken, stale},
	}, h.update)
	register(a, operation{
		id: "delete-user", method: http.MethodDelete, path: usersPath + "/{id}", tag: "users", summary: "Delete a user",
		detail: "Only a user without live bookings, and without paid ones that may still have to be refunded. Name and e-mail are overwritten; the bookings stay, and keep the id.", status: http.StatusNoContent,
		errors: []*models.Error{notFound, stale, models.ErrUserHasBookings},
	}, h.delete)
}

func (h *users) list(ctx context.Context, in *usersInput) (*listOutput[userBody], error) {
	if !isSearchable(in.Email) {
		return nil, models.Invalid([]models.FieldError{{Field: "query.email", Message: "must be UTF-8 text without control characters"}})
	}
	l := list{path: usersPath}
	l.setFilter("email", in.Email)
	page, err := in.page(l)
	if err != nil {
		return nil, err
	}
	found, err := h.find(ctx, in.Email, page)
	if err != nil {
		return nil, err
	}
	position := func(u models.User) models.Position { return models.Position{ID: u.ID} }
	return cut(in.Paging, l, found, position, toUser), nil
}

func (h *users) find(ctx context.Context, email string, page models.Page) ([]models.User, error) {
	if email != "" {
		return h.users.ByEmail(ctx, callerOf(ctx), email)
	}
	return h.users.List(ctx, callerOf(ctx), page)
}

func (h *users) create(ctx context.Context, in *userCreateInput) (*userCreated, error) {
	user, err := h.users.Create(ctx, callerOf(ctx), in.Body.Value.Name, in.Body.Value.Email)
	if err != nil {
		return nil, err
	}
	return &userCreated{Location: usersPath + "/" + user.ID.String(), ETag: etag(user.Version), Body: toUser(user)}, nil
}

func (h *users) get(ctx context.Context, in *userPath) (*userOutput, error) {
	user, err := h.users.Get(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &userOutput{ETag: etag(user.Version), Body: toUser(user)}, nil
}

func (h *users) update(ctx context.Context, in *userUpdateInput) (*userOutput, error) {
	version, err := in.condition.version(h.version(ctx, in.ID))
	if err != nil {
		return nil, err
	}
	patch := models.UserPatch{Name: in.Body.Value.Name, Email: in.Body.Value.Email}
	user, err := h.users.Update(ctx, callerOf(ctx), in.ID, patch, version)
	if err != nil {
		return nil, err
	}
	return &userOutput{ETag: etag(user.Version), Body: toUser(user)}, nil
}

func (h *users) delete(ctx context.Context, in *userDeleteInput) (*struct{}, error) {
	version, err := in.condition.version(h.version(ctx, in.ID))
	if err != nil {
		return nil, err
	}
	return nil, h.users.Delete(ctx, callerOf(ctx), in.ID, version)
}

func (h *users) version(ctx context.Context, id models.UserID) func() (int64, error) {
	return func() (int64, error) { return h.users.Version(ctx, callerOf(ctx), id) }
}
