"""Sheets and films of canvases."""

import numpy as np
from PIL import Image

from seqvision.figures.canvases import FRAME, GAP, canvas_frames, growth_grid, picture_grid, save_film


def growth(number=3, steps=4, side=8):
    return np.random.default_rng(0).integers(0, 200, (number, steps, side, side, 3)).astype(np.uint8)


def test_a_sheet_shows_every_picture_pixel_by_pixel():
    pictures = growth(5)[:, 0]
    sheet = np.array(picture_grid(pictures, columns=3, scale=2))
    assert sheet.shape == (GAP + 2 * (16 + GAP), GAP + 3 * (16 + GAP), 3)
    for number, picture in enumerate(pictures):
        top, left = GAP + number // 3 * (16 + GAP), GAP + number % 3 * (16 + GAP)
        np.testing.assert_array_equal(sheet[top : top + 16 : 2, left : left + 16 : 2], picture)


def test_a_sheet_is_about_square_and_small_pictures_are_enlarged():
    sheet = picture_grid(growth(64)[:, 0])
    assert sheet.width == sheet.height == GAP + 8 * (56 + GAP)


def test_a_film_has_a_frame_a_step_with_windows_and_one_without():
    boxes = np.tile(np.array([2.0, 3.0, 6.0, 7.0, 1.0]), (3, 4, 1))
    frames = canvas_frames(growth(), boxes, columns=3, scale=4)
    assert len(frames) == 5
    marked = (np.array(frames[0]) == FRAME).all(axis=2)
    top, left = GAP + 3 * 4, GAP + 2 * 4
    assert marked[top, left : left + 16].all()
    assert marked[top + 15, left : left + 16].all()
    assert not marked[top + 4 : top + 12, left + 4 : left + 12].any()
    assert not (np.array(frames[-1]) == FRAME).all(axis=2).any()
    assert len(canvas_frames(growth())) == 4


def test_a_window_beyond_the_picture_is_drawn_at_its_edge():
    for box in ([-50.0, -50.0, 60.0, 60.0, 3.0], [30.0, 30.0, 40.0, 40.0, 0.1], [-9.0, -9.0, -3.0, -2.0, 1.0]):
        frames = canvas_frames(growth(1, 1), np.array([[box]]))
        assert (np.array(frames[0]) == FRAME).all(axis=2).any()


def test_how_canvases_grow_beside_what_was_to_be_painted():
    made = growth(2, 3)
    first = np.full((2, 8, 8, 3), 77, np.uint8)
    sheet = np.array(growth_grid(made, first=first))
    assert sheet.shape[1] == GAP + 4 * (56 + GAP)
    assert (sheet[GAP : GAP + 56, GAP : GAP + 56] == 77).all()


def test_a_film_is_an_animation(tmp_path):
    save_film(canvas_frames(growth()), tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 4
