// plan_cache: where measured FFT plans are kept, so that every process of a run uses the same ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include <pellucid/export.h>

namespace pellucid {

/// The folder of a run that its plans are taken from first, and copied to when they come from the
/// cache; empty: none. Transforms made before keep the plans they have.
PELLUCID_EXPORT void set_choices_folder(const std::filesystem::path& folder);

/// PELLUCID_CACHE, else XDG_CACHE_HOME/pellucid, else HOME/.cache/pellucid; empty: none is known.
std::filesystem::path cache_folder();

namespace plan_cache {

/// Counts the calls of `set_choices_folder`: what was taken under another number is out of date.
std::uint64_t generation();

/// Finds the stored text of a choice and hands it to `accept`: from the choices folder, else from
/// the cache's folder for `machine`, else made by `make` under a lock and stored there.
///
/// False: nothing could be stored, so the caller must take something that is the same everywhere
/// without being told. Throws Error where the choices folder has a text that `accept` refuses.
bool obtain(const std::string& name, const std::string& machine,
            const std::function<bool(const std::string& text)>& accept,
            const std::function<std::string()>& make);

}  // namespace plan_cache
}  // namespace pellucid
