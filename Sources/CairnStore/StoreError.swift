package import CairnFormat
package import CairnPlatform
package import CairnReader

/// Why the writer cannot start or cannot go on.
package struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// Another process writes this log.
        case locked
        /// The operating system refused, so that what was acknowledged might not be kept: stop at once.
        case io
        /// The log contradicts itself; going on would hide it.
        case damaged
        /// The private key that must sign next is not there.
        case keyLost
        /// What was asked for cannot or must not be done; nothing was changed.
        case refused
        /// It cannot be done now; later it may.
        case unavailable
        /// A setting that cannot be.
        case configuration
    }

    package var code: Code
    /// What is wrong, where, and what to do.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package init(_ failure: IOFailure) { self.init(.io, failure.description) }

    package init(_ error: ReadError) {
        let code: Code
        switch error.code {
        case .io: code = .io
        case .encrypted, .tooMany: code = .refused
        case .noLog, .format: code = .damaged
        }
        self.init(code, error.description)
    }

    package init(_ error: FormatError) { self.init(.damaged, error.description) }

    package var description: String { message }
}

func storing<R>(_ body: () throws(IOFailure) -> R) throws(StoreError) -> R {
    do throws(IOFailure) {
        return try body()
    } catch {
        throw StoreError(error)
    }
}

func formatting<R>(_ body: () throws(FormatError) -> R) throws(StoreError) -> R {
    do throws(FormatError) {
        return try body()
    } catch {
        throw StoreError(error)
    }
}

func scanning<R>(_ body: () throws(ReadError) -> R) throws(StoreError) -> R {
    do throws(ReadError) {
        return try body()
    } catch {
        throw StoreError(error)
    }
}
