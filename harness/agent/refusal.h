// How does a handler say no?
//
// A handler gives an Error; its blame says whose no it is: kKernel a system call's, kHarness that the request was
// wrong, anything else that this machine's files were the trouble.
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/wire/codec.h"

namespace holdfast::agent {

/// A system call answered `errnum`: "PRESERVE_FD of handle 3: EBUSY (Device or resource busy)".
Error kernel_refused(std::string_view attempted, int errnum);
/// The same where the system call's errno alone would not tell the story: `what` is the whole sentence.
Error kernel_refused_because(std::string what, int errnum);
/// The request cannot be served as it is.
Error bad_request(std::string what);

wire::Refusal to_refusal(const Error& error);

}  // namespace holdfast::agent
