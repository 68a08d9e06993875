// What is the secret that an inventory points to?
#pragma once

#include <string>

#include "harness/base/result.h"
#include "lab/host.h"

namespace holdfast::lab {

/// Reads it from where it is. It is never printed, nor part of an error. Thread-safe as long as nobody changes the
/// environment. Errors: harness.usage with the place in the inventory and the command that mends it:
///
/// - a variable that is not set; a secret that is empty, longer than a secret can be, or not one line of text (fence
///   agents would take a second line for a further option);
/// - a file that is not there, is no regular file, is not the user's own, or that others may read or write. A symbolic
///   link is refused as well: who may swing it could have another of the user's files, an ssh key, sent to a BMC.
///   Links on the way to the file's folder are followed.
///
/// One newline at the end of a file is not part of the secret.
Result<std::string> read_secret(const SecretSource& source);

/// Ok when read_secret() would give the secret now; else its error.
Result<void> check_secret(const SecretSource& source);

/// `text` with "[secret]" where the secret stands: what a program that was given one says of itself. One of fewer than
/// four bytes is left in: too much else would look like it.
std::string without_secret(std::string text, const std::string& secret);

/// All that a host's power and console need, each once.
std::vector<SecretSource> secrets_of(const Host& host);

}  // namespace holdfast::lab
