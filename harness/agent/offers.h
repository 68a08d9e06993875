// What does the running kernel offer to a live update?
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/agent/state.h"
#include "harness/base/result.h"
#include "harness/wire/verbs_system.h"

namespace holdfast::agent {

Result<wire::OffersReply> look_at_offers(State& state, const wire::Offers& request);

/// The values of `symbols` (without CONFIG_) in the text of a kernel's configuration; "n" for what is not in it.
std::map<std::string, std::string> config_values(std::string_view config, const std::vector<std::string>& symbols);

/// The content of a gzip file; empty when it is none.
std::string gunzip(std::string_view packed);

}  // namespace holdfast::agent
