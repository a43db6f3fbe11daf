/// Which Cairn this is.
package enum Release {
    /// Semantic version (https://semver.org).
    package static let version = "0.1.0"
}
