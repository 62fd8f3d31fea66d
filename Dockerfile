# The image of Gatehouse. It holds no npm package that only developers need, and runs as the user `node` (1000):
#   docker build -t gatehouse .
# One container by itself wants DATABASE_URL, SECRET_KEY and PUBLIC_URL, and `--init` for a proper process 1;
# docker-compose.yml gives all of that.

FROM node:24-slim AS base
WORKDIR /app
COPY package.json package-lock.json ./

# No install script runs in any stage. The build needs none, and the script of the development dependency `node` would
# fetch a second Node 24: without it there is no node_modules/.bin/node and the image's own Node does the work.
FROM base AS build
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build

# What never loads at run time goes: TypeScript (an optional peer of @nestjs/swagger, for its compiler plugin), TypeORM's
# copy for browsers, and the libraries' declarations and source maps. 129 MB become 43. Our own code keeps its maps.
FROM base AS dependencies
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
    && rm -rf node_modules/typescript node_modules/typeorm/browser \
    && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' \) -delete

# HOST: a container that listens on its own loopback only is reachable by nobody.
# DATA_DIR: mails as files when no SMTP_URL is given, and the generated key when no SECRET_KEY is given; mount a volume.
FROM node:24-slim AS program
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data \
    NODE_COMPILE_CACHE=/app/.compile-cache
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
RUN install -d -o node -g node /data

# Loads every module once: it fills the compile cache, and the build fails here if one needs a development dependency.
# The cache's name holds the user's id, so the user that serves must fill it.
FROM program AS warmed
RUN install -d -o node -g node .compile-cache
USER node
RUN node --eval "Promise.all(['app.module', 'app.setup'].map((name) => import('/app/dist/' + name + '.js'))).then(() => process.exit())" \
    && chmod -R a+rX .compile-cache

# The cache comes back as root's: who breaks into the server can read compiled code, but not leave any behind.
FROM program
COPY --from=warmed --chown=root:root /app/.compile-cache ./.compile-cache
USER node
EXPOSE 3000
# Liveness, not readiness: where an engine replaces unhealthy containers, a database that is away must not restart us.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["node", "--eval", "fetch('http://127.0.0.1:' + process.env.PORT + '/health/live', { signal: AbortSignal.timeout(4000) }).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "dist/main.js"]
