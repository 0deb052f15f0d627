"""A random forest whose probabilities can be believed, from very few labels on.

Raw shares of votes of a forest are too cautious, and know nothing of classes that nobody labelled. In four steps, each
of which does little where there is little to go by:

1. One vote of a hundred is spread over all classes as the labels are, with one more label of each class (Laplace). So
   no class has the probability 0.
2. The votes are raised to a power and normalised, one number for all classes. It is the one under which the labels are
   most probable, each predicted by the trees that did not see it (out of bag: Breiman 1996), with a log-normal prior
   around 1 that few labels cannot move. That is temperature scaling (Guo et al. 2017, On calibration of modern neural
   networks, ICML), the one-parameter kin of Platt's sigmoid (1999), which forests need (Niculescu-Mizil and Caruana
   2005, Predicting good probabilities with supervised learning, ICML).
3. People label what is rare as often as what is common, so the labels do not tell how frequent the classes are. That
   is estimated among all objects by expectation maximisation (Saerens et al. 2002, Adjusting the outputs of a
   classifier to new a priori probabilities, Neural Computation 14), where what is usual counts for a third; and the
   probabilities are weighted accordingly. Classes with less than two labels are as frequent as usual.
4. These frequencies themselves are mixed in with the weight of half a label.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.ensemble import RandomForestClassifier

from nbtrack.errors import InputError

_SPREAD = 0.7
"""Standard deviation of the logarithm of the power, before labels are seen."""
_POWERS = (-2.0, 2.0)
_USUAL_SHARE = 0.5
_MIXED = 0.5
_STEPS = 100
_STILL = 1e-6


class CalibratedForest:
    """Learn classes 0 to K - 1 of rows of numbers.

    Parameters
    ----------
    rows : ndarray of float, shape (n, d)
        What was labelled. Put them into an order of their own: the seeded forest depends on it.
    labels : ndarray of int, shape (n,)
        Their classes.
    n_classes : int
        How many classes there are, labelled or not.
    everything : ndarray of float, shape (m, d), optional
        All objects, to learn how frequent the classes are. Without them, and without `shares`, as is usual.
    usual : ndarray of float, shape (n_classes,), optional
        How frequent the classes usually are; as the labels if not given.
    shares : ndarray of float, shape (n_classes,), optional
        How frequent the classes are, if that is known already.
    n_trees : int, optional
        Number of trees.
    seed : int, optional
        Seed of the forest: the same rows give the same probabilities.

    Attributes
    ----------
    shares : ndarray of float, shape (n_classes,)
        How frequent the classes are taken to be.
    power : float
        The power of step 2; above 1 if the forest was too cautious.

    Raises
    ------
    InputError
        If there is no label.
    """

    def __init__(
        self,
        rows: np.ndarray,
        labels: np.ndarray,
        n_classes: int,
        *,
        everything: np.ndarray | None = None,
        usual: np.ndarray | None = None,
        shares: np.ndarray | None = None,
        n_trees: int = 100,
        seed: int = 0,
    ) -> None:
        if not len(labels):
            raise InputError("A classifier needs at least one label: got none. Label some objects first.")
        rows, labels = np.asarray(rows, np.float32), np.asarray(labels, np.int64)
        self.n_classes = n_classes
        self._n = len(labels)
        numbers = np.bincount(labels, minlength=n_classes)
        self._labeled = (numbers + 1) / (self._n + n_classes)
        self._classes = np.flatnonzero(numbers)
        self._forest = RandomForestClassifier(n_trees, random_state=seed).fit(rows, labels)
        self.power = self._find_power(rows, labels, numbers)
        if shares is not None:
            self.shares = shares
        elif everything is not None and len(everything):
            self.shares = self._find_shares(self._sharpen(self._votes(everything)), numbers, usual)
        else:
            self.shares = self._labeled if usual is None else usual

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Tell how probable each class is.

        Parameters
        ----------
        rows : ndarray of float, shape (n, d)
            Any objects.

        Returns
        -------
        ndarray of float, shape (n, n_classes)
            Rows sum to 1; nothing is 0.
        """
        if not len(rows):
            return np.zeros((0, self.n_classes))
        p = _normalize(self._sharpen(self._votes(rows)) * self.shares / self._labeled)
        return np.asarray((self._n * p + _MIXED * self.shares) / (self._n + _MIXED))

    def _votes(self, rows: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(rows, np.float32)
        votes = np.zeros((len(rows), self.n_classes))
        for tree in self._forest.estimators_:
            votes[:, self._classes] += tree.tree_.predict(rows).reshape(len(rows), -1)
        return (votes + self._labeled) / (len(self._forest.estimators_) + 1)

    def _sharpen(self, votes: np.ndarray) -> np.ndarray:
        return _normalize(votes**self.power)

    def _find_power(self, rows: np.ndarray, labels: np.ndarray, numbers: np.ndarray) -> float:
        """Fit the power on votes of trees that did not see the row; a class with one label has no such tree."""
        votes = np.zeros((self._n, self.n_classes))
        trees = np.zeros(self._n)
        for tree, seen in zip(self._forest.estimators_, self._forest.estimators_samples_, strict=True):
            unseen = np.setdiff1d(np.arange(self._n), seen)
            if len(unseen):
                votes[np.ix_(unseen, self._classes)] += tree.tree_.predict(rows[unseen]).reshape(len(unseen), -1)
                trees[unseen] += 1
        judged = (trees > 0) & (numbers[labels] > 1)
        if len(self._classes) < 2 or not judged.any():
            return 1.0
        logs = np.log((votes + self._labeled)[judged] / (trees[judged, None] + 1))
        own = labels[judged][:, None]

        def loss(log_power: float) -> float:
            scaled = np.exp(log_power) * logs
            fit = np.take_along_axis(scaled, own, axis=1)[:, 0] - np.log(np.exp(scaled).sum(axis=1))
            return float((log_power / _SPREAD) ** 2 / 2 - fit.sum())

        return float(np.exp(minimize_scalar(loss, bounds=_POWERS, method="bounded").x))

    def _find_shares(self, p: np.ndarray, numbers: np.ndarray, usual: np.ndarray | None) -> np.ndarray:
        """Estimate how frequent the classes are in `p`, which was made with the shares of the labels."""
        usual = self._labeled if usual is None else usual
        free = numbers > 1
        if free.sum() < 2:
            return usual
        room = usual[free].sum()
        labeled, expected = (values[free] / values[free].sum() for values in (self._labeled, usual))
        p = _normalize(p[:, free])
        shares = expected
        for _ in range(_STEPS):
            found = _normalize(p * (shares / labeled)).mean(axis=0)
            before, shares = shares, (found + _USUAL_SHARE * expected) / (1 + _USUAL_SHARE)
            if np.abs(shares - before).max() < _STILL:
                break
        result = usual.copy()
        result[free] = room * shares
        return result


def _normalize(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / values.sum(axis=1, keepdims=True))
