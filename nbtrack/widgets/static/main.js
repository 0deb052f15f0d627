// The door: one store for a widget, one board for every place where it is displayed.

export default () => {
  let store;
  return {
    initialize({ model }) {
      store = new Store(model);
      return () => store.close();
    },
    render({ el }) {
      const board = new Board(store, el);
      return () => board.close();
    },
  };
};
