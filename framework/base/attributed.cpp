#include "base/attributed.h"

#include <exception>
#include <new>
#include <utility>

#include <c10/util/Exception.h>

#include <pellucid/context.h>

#include "base/log.h"

namespace pellucid {
namespace {

std::string first_line(const std::string& text) {
  const std::size_t end = text.find('\n');
  if (end != std::string::npos) log_debug(text);
  return text.substr(0, end);
}

[[noreturn]] void rethrow_named(const std::string& sentence, const SourceLocation& where,
                                const std::string& node, const std::string& component) {
  Error error(sentence);
  error.attribute(where, node, component);
  std::throw_with_nested(std::move(error));
}

}  // namespace

void attributed(const SourceLocation& where, const std::string& node, const std::string& component,
                const std::function<void()>& action) {
  try {
    action();
  } catch (const Cancelled&) {
    throw;
  } catch (Error& error) {
    error.attribute(where, node, component);
    throw;
  } catch (const c10::Error& error) {
    rethrow_named("libtorch: " + first_line(error.what_without_backtrace()), where, node,
                  component);
  } catch (const std::bad_alloc&) {
    rethrow_named("ran out of memory", where, node, component);
  } catch (const std::exception& error) {
    rethrow_named(first_line(error.what()), where, node, component);
  } catch (...) {
    rethrow_named("threw something that is no exception of a known type", where, node, component);
  }
}

}  // namespace pellucid
