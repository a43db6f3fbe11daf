/// Where a log and the sockets of its daemon are, unless somebody says otherwise.
package enum StandardPlaces {
    package static let log = "/var/log/cairn"
    /// Takes events.
    package static let eventSocket = "/run/auditd.sock"
    /// Takes commands, where the service's runtime directory is.
    package static let serviceControlSocket = "/run/cairn/control.sock"

    /// Takes commands, in the directory of a log.
    package static func controlSocket(of log: String) -> String {
        log.hasSuffix("/") ? log + "control.sock" : log + "/control.sock"
    }
}
