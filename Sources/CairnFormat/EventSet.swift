/// Some of the events of a span, by their places in it. None and all take no memory, whatever an index says of their
/// number.
package struct EventSet: Sendable, Equatable {
    private enum Content {
        case none
        case all
        case some([UInt64])
    }

    private var content: Content
    /// Events of the span.
    private let size: Int

    /// All events of a span of `count`, or none of them.
    package init(count: Int, all: Bool) {
        size = count
        content = all && count > 0 ? .all : .none
    }

    package static func == (a: EventSet, b: EventSet) -> Bool {
        guard a.size == b.size, a.count == b.count else { return false }
        if case .some(let own) = a.content, case .some(let other) = b.content { return own == other }
        // None, or all.
        return a.isEmpty || a.isAll
    }

    mutating func insert(_ event: Int) {
        var words: [UInt64]
        // Taken out while it changes, so that it is not copied.
        switch exchange(&content, with: .none) {
        case .none: words = Array(repeating: 0, count: (size + 63) / 64)
        case .some(let own): words = own
        case .all:
            content = .all
            return
        }
        words[event / 64] |= 1 << UInt64(event % 64)
        content = .some(words)
    }

    /// How many are in it.
    package var count: Int {
        switch content {
        case .none: 0
        case .all: size
        case .some(let words): words.reduce(0) { $0 + $1.nonzeroBitCount }
        }
    }

    package var isEmpty: Bool { count == 0 }

    /// Whether every event of the span is.
    package var isAll: Bool { count == size }

    /// The other events of the span.
    package var inverted: EventSet {
        var other = self
        switch content {
        case .none: other = EventSet(count: size, all: true)
        case .all: other.content = .none
        case .some(var words):
            for index in words.indices { words[index] = ~words[index] }
            if size % 64 > 0 { words[words.count - 1] &= 1 << UInt64(size % 64) - 1 }
            other.content = .some(words)
        }
        return other
    }

    package mutating func formUnion(_ other: EventSet) {
        switch (content, other.content) {
        case (_, .none), (.all, _): break
        case (.none, _), (_, .all): content = other.content
        case (.some(let own), .some(let words)): content = .some(zip(own, words).map { $0 | $1 })
        }
    }

    package mutating func formIntersection(_ other: EventSet) {
        switch (content, other.content) {
        case (_, .all), (.none, _): break
        case (.all, _), (_, .none): content = other.content
        case (.some(let own), .some(let words)): content = .some(zip(own, words).map { $0 & $1 })
        }
    }
}
