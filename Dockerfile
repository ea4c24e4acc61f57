# Two images from one file: `pointbook` runs every process of ours, `fava` only shows the ledger.
# Fava and Beancount are GPL-2.0 programs, so the browser of the books is an image and a process of its own.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
COPY . .
RUN python -m venv /opt/pointbook && /opt/pointbook/bin/pip install .

FROM build AS build-fava
RUN /opt/pointbook/bin/pip install '.[fava]'

FROM python:3.12-slim AS base
ENV PATH=/opt/pointbook/bin:$PATH PYTHONUNBUFFERED=1
# The ledger's folder belongs to the account before a volume is mounted there: a new named volume takes that over.
RUN useradd --uid 10001 --create-home pointbook \
 && install --directory --owner=pointbook --group=pointbook /var/lib/pointbook/books
USER pointbook
WORKDIR /var/lib/pointbook

FROM base AS fava
COPY --from=build-fava /opt/pointbook /opt/pointbook
CMD ["fava", "--help"]

FROM base AS pointbook
COPY --from=build /opt/pointbook /opt/pointbook
CMD ["pointbook", "--help"]
