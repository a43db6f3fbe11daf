/// Why a line was not taken as an event. It is stored all the same, as an `event.rejected`.
package struct Rejection: Error, Sendable, Equatable {
    /// The codes of the protocol.
    package enum Code: String, Sendable, CaseIterable {
        case invalidJSON = "invalid_json"
        case invalidUTF8 = "invalid_utf8"
        case notAnObject = "not_an_object"
        case tooLong = "too_long"
        case tooDeep = "too_deep"
        case duplicateKey = "duplicate_key"
        case reservedName = "reserved_name"
        case missingAction = "missing_action"
        case missingModule = "missing_module"
        case notAllowed = "not_allowed"
    }

    package var code: Code
    package var message: String
    /// Byte of the line where the trouble is.
    package var offset: Int

    package init(_ code: Code, _ message: String, offset: Int = 0) {
        self.code = code
        self.message = message
        self.offset = offset
    }

    /// Appends the line of the `event.rejected` that keeps what was refused. `raw` is nil where it is withheld because
    /// it may hold what must be masked.
    func appendEvent(raw: [UInt8]?, size: Int, digest: Digest, to output: inout [UInt8]) {
        output.append(
            text: "{\"action\":\"event.rejected\",\"module\":\"system\",\"status\":\"failed\",\"severity\":\"medium\",")
        output.append(text: "\"details\":{\"code\":")
        output.append(jsonString: code.rawValue.utf8)
        output.append(text: ",\"message\":")
        output.append(jsonString: message.utf8)
        output.append(text: ",\"offset\":")
        output.append(decimal: UInt64(offset))
        output.append(text: ",\"bytes\":")
        output.append(decimal: UInt64(size))
        output.append(text: ",\"sha256\":")
        output.append(jsonString: Hex.encode(digest.bytes).utf8)
        if let raw {
            output.append(text: ",\"raw\":\"")
            Base64.append(raw, to: &output)
            output.append(UInt8(ascii: "\""))
        } else {
            output.append(text: ",\"withheld\":true")
        }
        output.append(text: "}}")
    }
}
