package handlers

import (
	"context"
	"net/http"
	"time"

	"quantix/internal/models"
	"quantix/internal/services"
)

const organizersPath = apiPath + "/organizers"

// organizerBody is an organizer as it is answered.
type organizerBody struct {
	ID        models.OrganizerID `json:"id"`
	Name      string             `json:"name" example:"Concert hall"`
	CreatedAt time.Time          `json:"created_at"`
	UpdatedAt time.Time          `json:"updated_at"`
}

func toOrganizer(o models.Organizer) organizerBody {
	return organizerBody{ID: o.ID, Name: o.Name, CreatedAt: o.CreatedAt.UTC(), UpdatedAt: o.UpdatedAt.UTC()}
}

// organizerCreate is the body of POST /organizers.
type organizerCreate struct {
	Name string `json:"name" minLength:"1" maxLength:"255" example:"Concert hall"`
}

func (b *organizerCreate) read(f *form) { b.Name, _ = f.text("name", required) }

func (b *organizerCreate) checkRules() error {
	_, err := models.NewOrganizer(b.Name)
	return err
}

// organizerUpdate is the body of PUT /organizers/{id}, with what eventUpdate says.
type organizerUpdate struct {
	Name *string `json:"name,omitempty" minLength:"1" maxLength:"255"`

	ID        any `json:"id,omitempty" readOnly:"true" doc:"Ignored."`
	CreatedAt any `json:"created_at,omitempty" readOnly:"true" doc:"Ignored."`
	UpdatedAt any `json:"updated_at,omitempty" readOnly:"true" doc:"Ignored."`
}

func (b *organizerUpdate) read(f *form) {
	b.Name = ifSent(f.text("name", optional))
	f.ignore("id", "created_at", "updated_at")
}

// The inputs and outputs of the operations on organizers.
type (
	organizerPath struct {
		ID models.OrganizerID `path:"id" doc:"The organizer's id."`
	}
	organizersInput      struct{ Paging }
	organizerCreateInput struct {
		Body body[organizerCreate, *organizerCreate]
	}
	organizerUpdateInput struct {
		IfMatch
		ID   models.OrganizerID `path:"id" doc:"The organizer's id."`
		Body body[organizerUpdate, *organizerUpdate]
	}
	organizerDeleteInput struct {
		IfMatch
		ID models.OrganizerID `path:"id" doc:"The organizer's id."`
	}
	organizerOutput struct {
		ETag string `header:"ETag" doc:"The version, for If-Match."`
		Body organizerBody
	}
	organizerCreated struct {
		Location string `header:"Location" doc:"Where the organizer is."`
		ETag     string `header:"ETag" doc:"The version, for If-Match."`
		Body     organizerBody
	}
)

type organizers struct{ organizers *services.Organizers }

func (h *organizers) register(a *api) {
	notFound, stale := models.ErrOrganizerNotFound, models.ErrVersionMismatch
	register(a, operation{
		id: "list-organizers", method: http.MethodGet, path: organizersPath, tag: "organizers", summary: "List organizers",
		detail: "In the order of their creation.", errors: []*models.Error{models.ErrInvalidCursor},
	}, h.list)
	register(a, operation{
		id: "create-organizer", method: http.MethodPost, path: organizersPath, tag: "organizers",
		summary: "Create an organizer", detail: "It owns the events that are created as its own; give it an API key next.",
		status: http.StatusCreated,
	}, h.create)
	register(a, operation{
		id: "get-organizer", method: http.MethodGet, path: organizersPath + "/{id}", tag: "organizers",
		summary: "Read an organizer", detail: "The one called default owns the events that name no other one.",
		errors: []*models.Error{notFound},
	}, h.get)
	register(a, operation{
		id: "update-organizer", method: http.MethodPut, path: organizersPath + "/{id}", tag: "organizers",
		summary: "Change an organizer", detail: "Fields left out keep their value.", errors: []*models.Error{notFound, stale},
	}, h.update)
	register(a, operation{
		id: "delete-organizer", method: http.MethodDelete, path: organizersPath + "/{id}", tag: "organizers",
		summary: "Delete an organizer",
		detail:  "Only one that never had an event. Its API keys are revoked; users whom it registered stay, as nobody's.",
		status:  http.StatusNoContent,
		errors:  []*models.Error{notFound, stale, models.ErrOrganizerHasEvents, models.ErrOrganizerFixed},
	}, h.delete)
}

func (h *organizers) list(ctx context.Context, in *organizersInput) (*listOutput[organizerBody], error) {
	l := list{path: organizersPath}
	page, err := in.page(l)
	if err != nil {
		return nil, err
	}
	found, err := h.organizers.List(ctx, callerOf(ctx), page)
	if err != nil {
		return nil, err
	}
	position := func(o models.Organizer) models.Position { return models.Position{ID: o.ID} }
	return cut(in.Paging, l, found, position, toOrganizer), nil
}

func (h *organizers) create(ctx context.Context, in *organizerCreateInput) (*organizerCreated, error) {
	made, err := h.organizers.Create(ctx, in.Body.Value.Name)
	if err != nil {
		return nil, err
	}
	return &organizerCreated{
		Location: organizersPath + "/" + made.ID.String(), ETag: etag(made.Version), Body: toOrganizer(made),
	}, nil
}

func (h *organizers) get(ctx context.Context, in *organizerPath) (*organizerOutput, error) {
	found, err := h.organizers.Get(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &organizerOutput{ETag: etag(found.Version), Body: toOrganizer(found)}, nil
}

func (h *organizers) update(ctx context.Context, in *organizerUpdateInput) (*organizerOutput, error) {
	version, err := in.condition.version(h.version(ctx, in.ID))
	if err != nil {
		return nil, err
	}
	patch := models.OrganizerPatch{Name: in.Body.Value.Name}
	changed, err := h.organizers.Update(ctx, callerOf(ctx), in.ID, patch, version)
	if err != nil {
		return nil, err
	}
	return &organizerOutput{ETag: etag(changed.Version), Body: toOrganizer(changed)}, nil
}

func (h *organizers) delete(ctx context.Context, in *organizerDeleteInput) (*struct{}, error) {
	version, err := in.condition.version(h.version(ctx, in.ID))
	if err != nil {
		return nil, err
	}
	return nil, h.organizers.Delete(ctx, in.ID, version)
}

func (h *organizers) version(ctx context.Context, id models.OrganizerID) func() (int64, error) {
	return func() (int64, error) {
		found, err := h.organizers.Get(ctx, callerOf(ctx), id)
		return found.Version, err
	}
}
