/**
 * R: what a token check costs at least. Bare Fastify and pg, one unnamed primary-key look-up of the token's SHA-256 a
 * request, a small fixed JSON answer; no framework, no validation, no account. Every goal is a ratio to its rate.
 */
import { createHash } from 'node:crypto';
import { fastify } from 'fastify';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 10 });
const server = fastify();

server.get('/', async (request, reply) => {
  const { authorization = '' } = request.headers;
  const hash = createHash('sha256').update(authorization.slice('Bearer '.length)).digest();
  const { rows } = await pool.query('select session_id, scope, expires_at from access_token where hash = $1', [hash]);
  const [token] = rows;
  if (token && token.expires_at > new Date()) return { active: true, session: token.session_id, scope: token.scope };
  reply.code(401);
  return { active: false };
});

await server.listen({ port: Number(process.env['PORT']), host: '127.0.0.1' });
