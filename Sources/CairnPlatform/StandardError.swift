import Glibc

/// Messages for people, in one write(2) each, so that lines of several threads do not mix.
package enum StandardError {
    /// Writes all of `text`; there is nowhere to report a failure to.
    package static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var start = 0
            while start < bytes.count {
                let count = Glibc.write(2, bytes.baseAddress.map { $0 + start }, bytes.count - start)
                guard count > 0 || errno == EINTR else { return }
                start += max(0, count)
            }
        }
    }
}
