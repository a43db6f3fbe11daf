import CairnArchive
import CairnFormat
import CairnPlatform
import CairnReader
import CairnStore

/// Why a command ends without having done what it was asked.
package struct CommandFailure: Error, Equatable {
    package var status: ExitStatus
    /// For standard error, behind `cairn: `: what is wrong, where, and what to do. Nil if all was said before.
    package var message: String?

    package init(_ status: ExitStatus, _ message: String? = nil) {
        self.status = status
        self.message = message
    }

    /// The failure to report for an error of a layer below; nil for those that ArgumentParser made.
    init?(reporting error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as ReadError: self.init(error)
        case let error as QuerySyntaxError: self.init(.usage, error.description)
        case let error as IOFailure: self.init(error)
        case let error as StoreError: self.init(error)
        case let error as ArchiveError: self.init(error)
        case let error as FormatError: self.init(.data, error.description)
        default: return nil
        }
    }

    init(_ failure: IOFailure) {
        self.init(failure.isForbidden ? .noPermission : .inputOutput, failure.description)
    }

    private init(_ error: ReadError) {
        switch error.code {
        case .noLog: self.init(.noInput, error.description)
        case .io: self.init(.inputOutput, error.description)
        case .encrypted: self.init(.noPermission, error.description)
        case .tooMany: self.init(.usage, error.description)
        case .format:
            self.init(.data, "\(error.description); \"cairn verify\" tells what is still good")
        }
    }

    private init(_ error: ArchiveError) {
        switch error.code {
        case .notFound: self.init(.noInput, error.description)
        case .denied, .locked: self.init(.noPermission, error.description)
        case .changed, .tooLarge, .exists: self.init(.data, error.description)
        case .unavailable: self.init(.unavailable, error.description)
        case .invalid: self.init(.usage, error.description)
        }
    }

    private init(_ error: StoreError) {
        switch error.code {
        case .locked: self.init(.temporaryFailure, error.description)
        case .io: self.init(.inputOutput, error.description)
        case .configuration: self.init(.usage, error.description)
        case .damaged, .keyLost: self.init(.data, error.description)
        case .refused: self.init(.negative, error.description)
        case .unavailable: self.init(.unavailable, error.description)
        }
    }
}
