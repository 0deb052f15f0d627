"""Small movies with a truth, and answers that are wrong here and there, as folders of the Cell Tracking Challenge."""

import numpy as np
import tifffile


def movie_of(rng, n_frames=8, n_tracks=6):
    """Blocks in a row that never touch, with tracks that divide and end at random: masks and track lines."""
    slots = {i: i for i in range(n_tracks)}  # place -> label - 1
    lines = {i: [i + 1, 0, 0, 0] for i in range(n_tracks)}
    frames = []
    for t in range(n_frames):
        if t:
            for place in list(slots):
                label = slots[place]
                dice = rng.random()
                if dice < 0.12 and len(slots) > 2:
                    del slots[place]
                elif dice < 0.3 and place + 20 not in slots:
                    for child_place in (place, place + 20):
                        child = len(lines)
                        lines[child] = [child + 1, t, t, label + 1]
                        slots[child_place] = child
                else:
                    lines[label][2] = t
        frame = np.zeros((8, 4 * 200), np.uint16)
        for place, label in slots.items():
            frame[1:5, 4 * place : 4 * place + 3] = label + 1
        frames.append(frame)
    return frames, list(lines.values())


def write(folder, frames, lines, prefix, name):
    folder.mkdir(parents=True)
    for t, frame in enumerate(frames):
        tifffile.imwrite(folder / f"{prefix}{t:03d}.tif", np.asarray(frame, np.uint16))
    (folder / name).write_text("".join(f"{a} {b} {c} {d}\n" for a, b, c, d in lines))


def spoil(rng, frames, lines):
    """Cut tracks in two, forget parents, shift masks, add and remove objects; the folder stays valid."""
    frames = [frame.copy() for frame in frames]
    lines = [list(line) for line in lines]
    for line in list(lines):
        label, first, last, _ = line
        dice = rng.random()
        if dice < 0.25:
            line[3] = 0
        elif dice < 0.5 and first < last:
            other = max(x[0] for x in lines) + 1
            cut = int(rng.integers(first + 1, last + 1))
            for t in range(cut, last + 1):
                frames[t][frames[t] == label] = other
            for child in lines:
                child[3] = other if child[3] == label else child[3]
            line[2] = cut - 1
            lines.append([other, cut, last, label if dice < 0.4 else 0])
        elif dice < 0.7:
            for t in range(first, last + 1):
                frames[t][1:3][frames[t][1:3] == label] = 0  # only half is left: no match
    return frames, lines
